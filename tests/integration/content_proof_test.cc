// The proof of content, end to end: one bit that differs at the target, be it
// in memory, on the disk or from the wire, is found before commitment; the
// guest runs on at the source and the target has nothing of it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "tests/integration/relaying_agent.h"
#include "tests/integration/test_agent.h"

namespace causeway::integration {
namespace {

namespace fs = std::filesystem;

constexpr int kContentMismatch = 13;

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
  flip_at_target(0, "/memfd:causeway-ram-g", "ram0");
}

TEST_F(ContentProofTest, StrictFindsABitOfTheTargetsDisk) {
  flip_at_target(1, folder_.file("B/guests/g/disk.raw"), "disk0");
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
