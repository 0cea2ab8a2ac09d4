#include "tools/process/child_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/process/line_reader.h"

namespace causeway {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLong{20000};

SpawnOptions shell(const std::string& script) {
  SpawnOptions options;
  options.argv = {"sh", "-c", script};
  return options;
}

TEST(ChildProcess, ExitCodeAndSignal) {
  auto child = ChildProcess::spawn(shell("exit 7"));
  ASSERT_TRUE(child);
  EXPECT_EQ(child->wait().code, 7);
  EXPECT_EQ(child->wait().text(), "exit code 7");

  auto killed = ChildProcess::spawn(shell("kill -9 $$"));
  ASSERT_TRUE(killed);
  const ExitStatus status = killed->wait();
  EXPECT_EQ(status.signal, SIGKILL);
  EXPECT_FALSE(status.ok());
}

TEST(ChildProcess, AMissingProgramIsNamed) {
  SpawnOptions options;
  options.argv = {"/nowhere/causeway-vmm-kvm"};
  const auto child = ChildProcess::spawn(options);
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, ErrorCode::kNotFound);
  EXPECT_NE(child.error().message.find("/nowhere/causeway-vmm-kvm is missing"),
            std::string::npos);
}

TEST(ChildProcess, WaitGivesUpInTime) {
  auto child = ChildProcess::spawn(shell("exec sleep 1000"));
  ASSERT_TRUE(child);
  EXPECT_FALSE(child->wait(milliseconds(1)));
  child->kill(SIGTERM);
  const auto status = child->wait(kLong);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->signal, SIGTERM);
}

TEST(ChildProcess, GetsOnlyTheDescriptorsItShouldHave) {
  const UniqueFd stray(::open("/dev/null", O_RDONLY));  // not close-on-exec
  ASSERT_TRUE(stray);
  auto out = make_pipe();
  ASSERT_TRUE(out);
  SpawnOptions options = shell(
      "ls /proc/self/fd | sort -n | tail -1; "
      "echo passed >&3");
  auto passed = make_pipe();
  options.stdout_fd = out->write.get();
  options.pass_fd = passed->write.get();
  auto child = ChildProcess::spawn(options);
  ASSERT_TRUE(child);
  out->write.reset();
  passed->write.reset();
  std::string line;
  LineReader reader(out->read.get(), "the child");
  ASSERT_EQ(reader.next(&line, kLong).value(), LineReader::Event::kLine);
  // 4 is ls's own, of the folder it lists.
  EXPECT_LE(std::stoi(line), 4);
  LineReader passed_reader(passed->read.get(), "the child");
  ASSERT_EQ(passed_reader.next(&line, kLong).value(), LineReader::Event::kLine);
  EXPECT_EQ(line, "passed");
  EXPECT_TRUE(child->wait().ok());
}

TEST(ChildProcess, StartsWithoutOurSignalMask) {
  sigset_t set;
  sigset_t before;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, &before);
  auto child = ChildProcess::spawn(shell("exec sleep 1000"));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ASSERT_TRUE(child);
  child->kill(SIGTERM);
  ASSERT_TRUE(child->wait(kLong));
}

TEST(ChildProcess, DestructorKillsUnlessReleased) {
  pid_t pid = -1;
  {
    auto child = ChildProcess::spawn(shell("exec sleep 1000"));
    ASSERT_TRUE(child);
    pid = child->pid();
  }
  EXPECT_EQ(kill(pid, 0), -1);

  uint64_t ticks = 0;
  {
    auto child = ChildProcess::spawn(shell("exec sleep 1000"));
    ASSERT_TRUE(child);
    pid = child->pid();
    ticks = child->start_ticks();
    child->release();
  }
  auto adopted = ChildProcess::adopt(pid, ticks);
  ASSERT_TRUE(adopted);
  EXPECT_FALSE(adopted->wait(milliseconds(0)));
  adopted->kill(SIGKILL);
  EXPECT_TRUE(adopted->wait(kLong));
}

// Whoever only looks must not end it.
TEST(ChildProcess, LookingAtAProcessLeavesItAlone) {
  ChildProcess child = ChildProcess::spawn(shell("exec sleep 1000")).value();
  const pid_t pid = child.pid();
  const uint64_t ticks = child.start_ticks();
  EXPECT_TRUE(ChildProcess::lives(pid, ticks));
  EXPECT_TRUE(ChildProcess::lives(pid, ticks));
  EXPECT_FALSE(ChildProcess::lives(pid, ticks + 1));
  EXPECT_FALSE(child.wait(milliseconds(0)));
  ::kill(pid, SIGKILL);
  siginfo_t ended{};
  // It has ended and is not reaped.
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOWAIT),
            0);
  EXPECT_FALSE(ChildProcess::lives(pid, ticks));
}

TEST(ChildProcess, AStrangerIsNotAdopted) {
  auto child = ChildProcess::spawn(shell("exec sleep 1000"));
  ASSERT_TRUE(child);
  EXPECT_FALSE(ChildProcess::adopt(child->pid(), child->start_ticks() + 1));
  EXPECT_FALSE(ChildProcess::adopt(child->pid(), 0));
  EXPECT_FALSE(ChildProcess::adopt(-1, 5));
}

TEST(LineReader, LinesEndAndTimeout) {
  auto pipe = make_pipe();
  ASSERT_TRUE(pipe);
  LineReader reader(pipe->read.get(), "the test");
  std::string line;
  EXPECT_EQ(reader.next(&line, milliseconds(1)).value(),
            LineReader::Event::kTimeout);
  ASSERT_TRUE(write_all(pipe->write.get(), "one\ntwo\nthr", "the test"));
  EXPECT_EQ(reader.next(&line, kLong).value(), LineReader::Event::kLine);
  EXPECT_EQ(line, "one");
  EXPECT_EQ(reader.next(&line, kLong).value(), LineReader::Event::kLine);
  EXPECT_EQ(line, "two");
  pipe->write.reset();
  EXPECT_EQ(reader.next(&line, kLong).value(), LineReader::Event::kEnd);
}

TEST(LineReader, ALineWithoutEndIsRefused) {
  auto pipe = make_pipe();
  ASSERT_TRUE(pipe);
  auto child = ChildProcess::spawn([&] {
    SpawnOptions options = shell("yes | tr -d '\\n'");
    options.stdout_fd = pipe->write.get();
    return options;
  }());
  ASSERT_TRUE(child);
  pipe->write.reset();
  LineReader reader(pipe->read.get(), "the child");
  std::string line;
  const auto event = reader.next(&line, kLong);
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().code, ErrorCode::kPeerBroken);
}

}  // namespace
}  // namespace causeway
