// An agent's state folder is its user's alone: what is in there is guests'
// memory by descriptor, their disks, and the right to command them.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/integration/test_agent.h"

namespace causeway::integration {
namespace {

namespace fs = std::filesystem;

mode_t mode_of(const std::string& path) {
  struct stat status = {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status.st_mode;
}

// A line for each that others may use: folders are 0700, files and sockets
// 0600.
std::string too_open(const std::string& folder) {
  std::string lines;
  const auto look = [&](const std::string& path) {
    const mode_t mode = mode_of(path);
    const mode_t wanted = S_ISDIR(mode) ? 0700 : 0600;
    if ((mode & 07777) == wanted) return;
    lines += fmt::format("{:o} {}\n", mode & 07777, path);
  };
  look(folder);
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    look(entry.path().string());
  }
  return lines;
}

class StateFolderTest : public testing::Test {
 protected:
  // Whoever starts an agent may be careless.
  StateFolderTest() : umask_before_(::umask(0)) {}
  ~StateFolderTest() override { ::umask(umask_before_); }

  const mode_t umask_before_;
  TestFolder folder_;
};

TEST_F(StateFolderTest, NobodyElseMayUseWhatIsInIt) {
  if (const std::string why = why_no_kvm(); !why.empty()) GTEST_SKIP() << why;
  TestAgentOptions stopped;
  stopped.stop_at = "source.paused";
  const TestAgent a(folder_, "A", stopped);
  const TestAgent b(folder_, "B");
  const CommandResult ran =
      a.run_guest("g", {"--memory", "16M", "--disk", "8M"});
  ASSERT_EQ(ran.exit_code, 0) << ran.text();
  RunningCommand moving(
      folder_, {"migrate", "g", "--from", a.address(), "--to", b.address()});
  ASSERT_TRUE(eventually([&] {
    return a.mover() != 0 && state_of(a.mover()) == 'T';
  })) << a.log();
  // A guest that leaves and the shell that awaits it.
  for (const TestAgent* agent : {&a, &b}) {
    const std::string state = agent->state_folder();
    for (const char* file :
         {"agent.sock", "journal.db", "journal.db-wal", "guests/g/shim.sock",
          "guests/g/monitor.sock", "guests/g/disk.raw", "guests/g/vmm.log"}) {
      EXPECT_TRUE(fs::exists(state + "/" + file)) << state << " " << file;
    }
    EXPECT_EQ(too_open(state), "");
  }
  ::kill(a.mover(), SIGCONT);
  EXPECT_EQ(moving.wait().exit_code, 0);
  EXPECT_EQ(too_open(b.state_folder()), "");
}

TEST_F(StateFolderTest, NobodyElseMayReadAKey) {
  const std::string ca = folder_.file("ca");
  ASSERT_EQ(causeway(folder_, {"pki", "init", ca}).exit_code, 0);
  ASSERT_EQ(causeway(folder_, {"pki", "host", ca, "h1"}).exit_code, 0);
  for (const char* key : {"/ca.key", "/h1/host.key"}) {
    EXPECT_EQ(mode_of(ca + key) & 07777, 0600u) << key;
  }
}

}  // namespace
}  // namespace causeway::integration
