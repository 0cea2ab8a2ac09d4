// The proof of content, end to end. One bit that differs at the target, be it
// in memory, on the disk or from the wire, is found before commitment: the
// guest runs on at the source and the target has nothing of it. One that
// differs in the frozen image is found after, whoever lives to look.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "tests/integration/relaying_agent.h"
#include "tests/integration/test_agent.h"

namespace causeway::integration {
namespace {

namespace fs = std::filesystem;

constexpr int kConnectionLost = 12;
constexpr int kContentMismatch = 13;
constexpr const char* kRam = "/memfd:causeway-ram-g";

// A process's file by its name, whether a path or a memfd's; "": it has none.
std::string open_file_of(pid_t pid, const std::string& name) {
  std::error_code ignored;
  const std::string fds = "/proc/" + std::to_string(pid) + "/fd";
  for (const auto& fd : fs::directory_iterator(fds, ignored)) {
    const std::string file = fs::read_symlink(fd.path(), ignored).string();
    if (file.starts_with(name)) return fd.path().string();
  }
  return "";
}

bool flip_bit(const std::string& path, uint64_t at) {
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  const auto offset = static_cast<off_t>(at);
  char byte = 0;
  if (!fd || ::pread(fd.get(), &byte, 1, offset) != 1) return false;
  byte = static_cast<char>(byte ^ 4);
  return ::pwrite(fd.get(), &byte, 1, offset) == 1;
}

class ContentProofTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_kvm(); !why.empty()) GTEST_SKIP() << why;
  }

  void run_guest(const TestAgent& a) {
    const CommandResult ran =
        a.run_guest("g", {"--memory", "32M", "--disk", "16M", "--workload",
                          "idle", "--content", "random"});
    ASSERT_EQ(ran.exit_code, 0) << ran.text();
    ASSERT_TRUE(a.wait_until_filled("g"));
  }

  // The middle of what the guest has written of region `index`.
  static uint64_t written_byte(const TestAgent& a, size_t index) {
    const auto region = a.status("g").at("monitor").at("regions").at(index);
    return region.at("checked_offset").get<uint64_t>() +
           region.at("checked_bytes").get<uint64_t>() / 2;
  }

  void expect_found(const CommandResult& result, const std::string& where,
                    const TestAgent& a, const TestAgent& b) {
    EXPECT_EQ(result.exit_code, kContentMismatch) << result.text();
    EXPECT_NE(result.err.find(where), std::string::npos) << result.text();
    EXPECT_EQ(a.status("g").value("state", ""), "running") << a.log();
    const CommandResult checked = a.guest("check", "g");
    EXPECT_EQ(checked.exit_code, 0) << checked.text();
    EXPECT_EQ(b.leftovers(), "");
  }

  // With a bit of the target's region `index` flipped behind everyone's back
  // while the guest stands still at the source.
  void flip_at_target(size_t index, const std::string& file,
                      const std::string& region) {
    TestAgentOptions stopped;
    stopped.stop_at = "source.paused";
    const TestAgent a(folder_, "A", stopped);
    const TestAgent b(folder_, "B");
    ASSERT_NO_FATAL_FAILURE(run_guest(a));
    const uint64_t byte = written_byte(a, index);
    RunningCommand moving(folder_, {"migrate", "g", "--from", a.address(),
                                    "--to", b.address(), "--proof", "strict"});
    ASSERT_TRUE(eventually([&] {
      return a.mover() != 0 && state_of(a.mover()) == 'T';
    })) << a.log();
    EXPECT_TRUE(flip_bit(open_file_of(b.vmm_of("g"), file), byte));
    ::kill(a.mover(), SIGCONT);
    const CommandResult result = moving.wait();
    const uint64_t block = byte / 4096;
    expect_found(result, "block " + std::to_string(block) + " of " + region, a,
                 b);
  }

  TestFolder folder_;
};

TEST_F(ContentProofTest, StrictFindsABitOfTheTargetsMemory) {
  flip_at_target(0, kRam, "ram0");
}

TEST_F(ContentProofTest, StrictFindsABitOfTheTargetsDisk) {
  flip_at_target(1, folder_.file("B/guests/g/disk.raw"), "disk0");
}

// The source's mover dies after the target has said that the guest runs there,
// and takes its digest table along. What it owed is in the journal.
class OwedProofTest : public ContentProofTest {
 protected:
  OwedProofTest() { stopped_.stop_at = "source.activated"; }

  // Until the guest runs at B and A's mover owes the proof.
  std::unique_ptr<RunningCommand> owe_proof(const TestAgent& a,
                                            const TestAgent& b) {
    auto moving = std::make_unique<RunningCommand>(
        folder_, std::vector<std::string>{"migrate", "g", "--from", a.address(),
                                          "--to", b.address()});
    EXPECT_TRUE(eventually([&] {
      return a.mover() != 0 && state_of(a.mover()) == 'T';
    })) << a.log();
    return moving;
  }
  // A write that the dirty log has not seen, as far as a proof can tell.
  static void spoil_image(const TestAgent& a, uint64_t byte) {
    EXPECT_TRUE(flip_bit(open_file_of(a.vmm_of("g"), kRam), byte));
  }
  static void expect_kept(const TestAgent& a, const TestAgent& b) {
    EXPECT_EQ(a.status("g").value("state", ""), "frozen") << a.log();
    EXPECT_NE(a.status("g").value("why", "").find(
                  "ram0 is not what the target proved to have"),
              std::string::npos)
        << a.status("g").dump();
    EXPECT_EQ(b.guest("check", "g").exit_code, 0);
    EXPECT_EQ(a.guest("stop", "g").exit_code, 0);
    EXPECT_EQ(a.leftovers(), "");
  }

  TestAgentOptions stopped_;
};

TEST_F(OwedProofTest, IsMadeAfterTheMoversDeath) {
  const TestAgent a(folder_, "A", stopped_);
  const TestAgent b(folder_, "B");
  ASSERT_NO_FATAL_FAILURE(run_guest(a));
  const auto moving = owe_proof(a, b);
  ::kill(a.mover(), SIGKILL);
  EXPECT_EQ(moving->wait().exit_code, kConnectionLost);
  EXPECT_NE(a.log().find("the frozen image of guest g is proved"),
            std::string::npos)
      << a.log();
  EXPECT_EQ(a.leftovers(), "");
  EXPECT_EQ(b.guest("check", "g").exit_code, 0);
}

TEST_F(OwedProofTest, FindsWhatTheMoverWouldHaveFound) {
  const TestAgent a(folder_, "A", stopped_);
  const TestAgent b(folder_, "B");
  ASSERT_NO_FATAL_FAILURE(run_guest(a));
  const uint64_t byte = written_byte(a, 0);
  const auto moving = owe_proof(a, b);
  spoil_image(a, byte);
  ::kill(a.mover(), SIGKILL);
  const CommandResult result = moving->wait();
  EXPECT_EQ(result.exit_code, kContentMismatch) << result.text();
  EXPECT_NE(result.err.find("its frozen image is kept at A"), std::string::npos)
      << result.text();
  expect_kept(a, b);
}

TEST_F(OwedProofTest, IsMadeByTheNextAgent) {
  TestAgent a(folder_, "A", stopped_);
  const TestAgent b(folder_, "B");
  ASSERT_NO_FATAL_FAILURE(run_guest(a));
  const uint64_t byte = written_byte(a, 0);
  const auto moving = owe_proof(a, b);
  spoil_image(a, byte);
  a.stop(SIGKILL);
  EXPECT_NE(moving->wait().exit_code, 0);
  a.start();
  EXPECT_TRUE(eventually([&] {
    return a.log().find("proof of content: ram0") != std::string::npos;
  })) << a.log();
  expect_kept(a, b);
}

// Nothing else guards the payload of a stream in the clear.
TEST_F(ContentProofTest, EveryProofFindsABitOfTheWire) {
  TestAgentOptions clear;
  clear.clear = true;
  const TestAgent a(folder_, "A", clear);
  const TestAgent b(folder_, "B", clear);
  ASSERT_NO_FATAL_FAILURE(run_guest(a));
  for (const char* proof : {"landed", "frozen", "strict"}) {
    SCOPED_TRACE(proof);
    const RelayingAgent between(b.address(), 4u << 20);
    const CommandResult result =
        causeway(folder_, {"migrate", "g", "--from", a.address(), "--to",
                           between.address(), "--proof", proof, "--clear"});
    EXPECT_TRUE(between.flipped());
    expect_found(result, " at the target is not what was sent", a, b);
  }
}

}  // namespace
}  // namespace causeway::integration
