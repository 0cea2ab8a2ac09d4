// Wrong requests and hosts that cannot take a guest: each with its sentence,
// and after each the guest runs at the source, or was never started, and
// nothing stray is left.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/integration/test_agent.h"

namespace causeway::integration {
namespace {

namespace fs = std::filesystem;

// The exit codes of tools/README.md.
constexpr int kInvalidArgument = 2;
constexpr int kNotFound = 3;
constexpr int kAlreadyExists = 4;
constexpr int kUnreachable = 5;
constexpr int kNoSpace = 6;
constexpr int kIncompatible = 7;
constexpr int kPermission = 8;
constexpr int kGuestDied = 9;
constexpr int kIo = 10;

void expect_failure(const CommandResult& result, int exit_code,
                    const std::string& sentence_part) {
  EXPECT_EQ(result.exit_code, exit_code) << result.text();
  EXPECT_NE(result.err.find(sentence_part), std::string::npos)
      << "missing \"" << sentence_part << "\" in\n"
      << result.text();
}

// A file system of a few megabytes; gone with the object, also when a test
// gives up half-way.
class SmallFileSystem {
 public:
  SmallFileSystem(const std::string& folder, const std::string& options)
      : folder_(folder),
        mounted_(mkdir(folder.c_str(), 0700) == 0 &&
                 mount("tmpfs", folder.c_str(), "tmpfs", 0, options.c_str()) ==
                     0) {}
  ~SmallFileSystem() {
    if (!mounted_) return;
    EXPECT_EQ(umount(folder_.c_str()), 0);
  }
  SmallFileSystem(const SmallFileSystem&) = delete;
  SmallFileSystem& operator=(const SmallFileSystem&) = delete;

  bool mounted() const { return mounted_; }
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
  bool mounted_;
};

class BadInputTest : public ::testing::Test {
 protected:
  // A guest that runs at A, of the kind that this machine has.
  void run_guest(std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--memory", "32M"});
    const CommandResult result = a_.run_guest("g", more);
    ASSERT_EQ(result.exit_code, 0) << result.text() << a_.log();
  }
  CommandResult migrate(const std::string& to) {
    return causeway(folder_,
                    {"migrate", "g", "--from", a_.address(), "--to", to});
  }
  void expect_guest_runs_at_source() {
    EXPECT_EQ(a_.status("g").value("state", ""), "running");
    EXPECT_EQ(a_.guest("check", "g").exit_code, 0);
    // The VMM is the only child that a migration may leave.
    EXPECT_EQ(children_of(a_.pid()).size(), 1u) << a_.leftovers();
  }

  TestFolder folder_;
  TestAgent a_{folder_, "A"};
};

TEST_F(BadInputTest, UnknownGuest) {
  for (const char* command : {"check", "stop"}) {
    expect_failure(a_.guest(command, "nobody"), kNotFound,
                   "host A has no guest named nobody");
  }
  expect_failure(causeway(folder_, {"migrate", "nobody", "--from", a_.address(),
                                    "--to", "127.0.0.1:1"}),
                 kNotFound, "host A has no guest named nobody");
  EXPECT_EQ(a_.leftovers(), "");
}

TEST_F(BadInputTest, NameTakenAtTheTarget) {
  TestAgent b(folder_, "B");
  run_guest();
  ASSERT_EQ(b.run_guest("g", {"--memory", "32M"}).exit_code, 0);
  expect_failure(migrate(b.address()), kAlreadyExists,
                 "host B has a guest named g already");
  expect_guest_runs_at_source();
  EXPECT_EQ(b.guest("check", "g").exit_code, 0);
  b.guest("stop", "g");
  EXPECT_EQ(b.leftovers(), "");
}

TEST_F(BadInputTest, NameTakenAtTheSource) {
  run_guest();
  expect_failure(a_.run_guest("g", {}), kAlreadyExists,
                 "host A has a guest named g already");
  expect_guest_runs_at_source();
}

TEST_F(BadInputTest, TargetUnreachable) {
  run_guest();
  expect_failure(migrate("127.0.0.1:1"), kUnreachable,
                 "no agent answers at 127.0.0.1:1");
  expect_guest_runs_at_source();
}

TEST_F(BadInputTest, SourceUnreachable) {
  expect_failure(causeway(folder_, {"migrate", "g", "--from", "127.0.0.1:1",
                                    "--to", a_.address()}),
                 kUnreachable, "no agent answers at 127.0.0.1:1");
}

TEST_F(BadInputTest, TargetShortOfMemory) {
  TestAgent b(folder_, "B", {"", {"--memory-limit", "16M"}, {}});
  run_guest();
  expect_failure(migrate(b.address()), kNoSpace,
                 "short of memory: the guest needs 32M, 16M of the 16M");
  expect_guest_runs_at_source();
  EXPECT_EQ(b.leftovers(), "");
}

TEST_F(BadInputTest, SourceShortOfMemory) {
  expect_failure(a_.run_guest("g", {"--memory", "60T"}), kNoSpace,
                 "short of memory: the guest needs 60T, the host has");
  EXPECT_EQ(a_.leftovers(), "");
}

TEST_F(BadInputTest, TargetShortOfDisk) {
  const SmallFileSystem small(folder_.file("small"), "size=8m");
  if (!small.mounted()) {
    GTEST_SKIP() << "mounting a small file system needs root";
  }
  TestAgent b(folder_, "B", {small.folder(), {}, {}});
  run_guest({"--disk", "16M"});
  expect_failure(migrate(b.address()), kNoSpace,
                 "short of disk space: the guest's disk needs 16M");
  expect_guest_runs_at_source();
  EXPECT_EQ(b.leftovers(), "");
}

class DiskFullTest : public BadInputTest,
                     public ::testing::WithParamInterface<const char*> {};

// There was room when it was reserved; then something else took it.
TEST_P(DiskFullTest, AtTheTargetInMidMove) {
  const SmallFileSystem small(folder_.file("small"), "size=64m");
  if (!small.mounted()) {
    GTEST_SKIP() << "mounting a small file system needs root";
  }
  TestAgent b(folder_, "B", {small.folder(), {}, {}});
  run_guest({"--disk", "48M"});
  ASSERT_TRUE(a_.wait_until_filled("g"));
  RunningCommand migrate(
      folder_, {"migrate", "g", "--from", a_.address(), "--to", b.address(),
                "--bandwidth", "20M", "--path", GetParam()});
  ASSERT_TRUE(migrate.wait_for_output("round 1"));
  const int filler = ::open((small.folder() + "/filler").c_str(),
                            O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(filler, 0);
  EXPECT_NE(::fallocate(filler, 0, 0, 64 << 20), 0) << "it must not fit";
  const std::string block(1 << 16, 'x');
  while (::write(filler, block.data(), block.size()) > 0) {
  }
  ::close(filler);
  const CommandResult result = migrate.wait();
  expect_failure(result, kNoSpace, "disk0");
  EXPECT_NE(result.err.find("guest g runs on at A"), std::string::npos)
      << result.err;
  expect_guest_runs_at_source();
  EXPECT_EQ(b.leftovers(), "");
}

INSTANTIATE_TEST_SUITE_P(Paths, DiskFullTest, ::testing::Values("tcp", "wan"),
                         [](const auto& path) {
                           return std::string(path.param);
                         });

TEST_F(BadInputTest, CpuFeaturesMissing) {
  if (const std::string why = why_no_kvm(); !why.empty()) GTEST_SKIP() << why;
  // KVM offers at least one of them to guests on any x86-64 machine.
  TestAgent b(folder_, "B",
              {"", {"--vmm-argument=--cpu-mask=sse4_2,clflushopt"}, {}});
  run_guest();
  const CommandResult result = migrate(b.address());
  expect_failure(result, kIncompatible, "host B cannot run guest g");
  EXPECT_TRUE(result.err.find("sse4_2") != std::string::npos ||
              result.err.find("clflushopt") != std::string::npos)
      << result.err;
  expect_guest_runs_at_source();
  EXPECT_EQ(b.leftovers(), "");
}

// The way out that the sentence names.
TEST_F(BadInputTest, AGuestWithoutTheMissingFeatureMoves) {
  if (const std::string why = why_no_kvm(); !why.empty()) GTEST_SKIP() << why;
  const std::string mask = "--cpu-mask=sse4_2,clflushopt";
  TestAgent b(folder_, "B", {"", {"--vmm-argument=" + mask}, {}});
  run_guest({mask});
  const CommandResult result = migrate(b.address());
  EXPECT_EQ(result.exit_code, 0) << result.text();
  EXPECT_EQ(b.guest("check", "g").exit_code, 0);
}

TEST_F(BadInputTest, AnUnknownHypervisor) {
  expect_failure(a_.run_guest("g", {"--hypervisor", "xen"}), kInvalidArgument,
                 "--hypervisor");
  EXPECT_EQ(a_.leftovers(), "");
}

TEST_F(BadInputTest, DiskFileMissing) {
  const std::string disk = folder_.file("none.raw");
  expect_failure(a_.run_guest("g", {"--disk", disk}), kNotFound,
                 "the disk file " + disk + " does not exist");
  EXPECT_FALSE(fs::exists(disk));
  EXPECT_EQ(a_.leftovers(), "");
}

TEST_F(BadInputTest, DiskFileSmallerThanSaid) {
  const std::string disk = folder_.file("small.raw");
  std::ofstream(disk) << std::string(8192, 'x');
  expect_failure(a_.run_guest("g", {"--disk", disk + ":1M"}), kInvalidArgument,
                 "has 8192 bytes, less than the 1048576 bytes");
  EXPECT_EQ(fs::file_size(disk), 8192u);
  EXPECT_EQ(a_.leftovers(), "");
}

TEST_F(BadInputTest, MemoryNotAMultipleOfThePageSize) {
  expect_failure(a_.run_guest("g", {"--memory", "33554433"}), kInvalidArgument,
                 "memory of 33554433 bytes is not a multiple of the page "
                 "size, 4K");
  expect_failure(a_.run_guest("g", {"--memory", "33M", "--page-size", "2M"}),
                 kInvalidArgument, "not a multiple of the page size, 2M");
  EXPECT_EQ(a_.leftovers(), "");
}

TEST_F(BadInputTest, WrongWordsOnTheCommandLine) {
  expect_failure(a_.run_guest("g", {"--memory", "5Q"}), kInvalidArgument,
                 "\"5Q\" is no size");
  expect_failure(a_.run_guest("g", {"--workload", "dance"}), kInvalidArgument,
                 "dance");
  expect_failure(a_.run_guest("a/b", {}), kInvalidArgument,
                 "\"a/b\" is no name for a guest");
  expect_failure(a_.run_guest("g", {"--vcpus", "99"}), kInvalidArgument, "99");
  expect_failure(causeway(folder_, {"guest", "list", "--agent", "nowhere"}),
                 kInvalidArgument, "\"nowhere\" is no address of an agent");
  expect_failure(causeway(folder_, {"migrate", "g"}), kInvalidArgument,
                 "--from");
  EXPECT_EQ(a_.leftovers(), "");
}

// Root has every right; an agent of another user does not.
TEST_F(BadInputTest, AnAgentsPortWithoutAnAddressToUse) {
  const std::vector<std::string> agent = {
      "agent",           "--name",      "C",
      "--listen",        "127.0.0.1:0", "--state",
      folder_.file("C"), "--clear",     "--wan-device",
      "net_af_packet0"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), agent.begin(), agent.end());
    return causeway(folder_, more);
  };
  expect_failure(with({}), kInvalidArgument,
                 "--wan-device requires --wan-address");
  expect_failure(with({"--wan-address", "10.8.0.3/24", "--wan-device",
                       "net_af_packet1,iface=eth1"}),
                 kInvalidArgument, "2 --wan-device, 1 --wan-address");
  expect_failure(
      with({"--wan-address", "10.8.0.3/24", "--wan-address", "10.8.1.3/24",
            "--wan-device", "net_af_packet0,iface=eth1"}),
      kInvalidArgument, "net_af_packet0 is there twice");
  expect_failure(with({"--wan-address", "10.8.0.300/24"}), kInvalidArgument,
                 "--wan-address: '10.8.0.300' is no IP address");
  expect_failure(
      with({"--wan-address", "10.8.0.3/24", "--wan-gateway", "there"}),
      kInvalidArgument, "--wan-gateway: 'there' is no IP address");
}

TEST_F(BadInputTest, LanesThatCannotBe) {
  const auto with = [&](std::vector<std::string> more) {
    const std::vector<std::string> agent = {
        "agent",   "--name",          "C",       "--listen", "127.0.0.1:0",
        "--state", folder_.file("C"), "--clear", "--wan-via"};
    more.insert(more.begin(), agent.begin(), agent.end());
    return causeway(folder_, more);
  };
  expect_failure(with({"10.8.0.300"}), kInvalidArgument,
                 "--wan-via: '10.8.0.300' is no IP address");
  expect_failure(
      with({"10.8.0.1", "--wan-via", "10.8.0.2", "--wan-via", "10.8.0.3",
            "--wan-via", "10.8.0.4", "--wan-via", "10.8.0.5"}),
      kInvalidArgument, "5 lanes are not possible; 4 at most");
  expect_failure(with({"10.8.0.1", "--wan-device", "net_af_packet0",
                       "--wan-address", "10.8.0.3/24"}),
                 kInvalidArgument, "--wan-device excludes --wan-via");
}

TEST_F(BadInputTest, NoRightToKvm) {
  if (const std::string why = why_no_kvm(); !why.empty()) GTEST_SKIP() << why;
  if (geteuid() != 0) GTEST_SKIP() << "becoming another user needs root";
  struct stat kvm = {};
  ASSERT_EQ(stat("/dev/kvm", &kvm), 0);
  if ((kvm.st_mode & 0006) != 0) {
    GTEST_SKIP() << "everyone has the right to this machine's /dev/kvm";
  }
  const std::string nobody_can_run =
      "setpriv --reuid 65534 --regid 65534 --clear-groups " + binary_folder() +
      "/causeway --help >/dev/null 2>&1";
  if (system(nobody_can_run.c_str()) != 0) {
    GTEST_SKIP() << "another user cannot reach the build folder";
  }
  ASSERT_EQ(chmod(folder_.path().c_str(), 0711), 0);
  const std::string state = folder_.file("nobody");
  ASSERT_EQ(mkdir(state.c_str(), 0700), 0);
  ASSERT_EQ(chown(state.c_str(), 65534, 65534), 0);
  TestAgent agent(
      folder_, "N",
      {state,
       {},
       {"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"}});
  const CommandResult result = agent.run_guest("g", {"--memory", "32M"});
  expect_failure(result, kPermission, "/dev/kvm");
  EXPECT_EQ(agent.leftovers(), "");
}

TEST_F(BadInputTest, AGuestThatDiesInMidMove) {
  TestAgent b(folder_, "B");
  run_guest({"--workload", "uniform:5M"});
  RunningCommand migrate(folder_, {"migrate", "g", "--from", a_.address(),
                                   "--to", b.address(), "--bandwidth", "4M"});
  ASSERT_TRUE(migrate.wait_for_output("pre-copy"));
  ASSERT_EQ(a_.guest("kill", "g").exit_code, 0);
  expect_failure(migrate.wait(), kGuestDied, "died");
  EXPECT_EQ(b.leftovers(), "");
  EXPECT_EQ(a_.status("g").value("state", ""), "died");
  EXPECT_EQ(a_.guest("stop", "g").exit_code, 0);
  EXPECT_EQ(a_.leftovers(), "");
}

TEST_F(BadInputTest, AVmmThatIsKilledInMidMove) {
  TestAgent b(folder_, "B");
  run_guest();
  RunningCommand migrate(folder_, {"migrate", "g", "--from", a_.address(),
                                   "--to", b.address(), "--bandwidth", "4M"});
  ASSERT_TRUE(migrate.wait_for_output("pre-copy"));
  kill(a_.status("g").at("pid").get<pid_t>(), SIGKILL);
  const CommandResult result = migrate.wait();
  EXPECT_NE(result.exit_code, 0) << result.text();
  EXPECT_EQ(b.leftovers(), "");
  EXPECT_EQ(a_.status("g").value("state", ""), "died");
  EXPECT_EQ(a_.guest("stop", "g").exit_code, 0);
  EXPECT_EQ(a_.leftovers(), "");
}

// A file that loses its end under the guest cannot be read to its end.
TEST_F(BadInputTest, AReadErrorOfTheDisk) {
  TestAgent b(folder_, "B");
  const std::string disk = folder_.file("disk.raw");
  { std::ofstream file(disk); }
  ASSERT_EQ(truncate(disk.c_str(), 16 << 20), 0);
  run_guest({"--disk", disk});
  ASSERT_TRUE(a_.wait_until_filled("g"));
  ASSERT_EQ(truncate(disk.c_str(), 4 << 20), 0);
  expect_failure(migrate(b.address()), kIo,
                 "the disk " + disk + " of guest g has 4194304 bytes now");
  EXPECT_EQ(a_.status("g").value("state", ""), "running");
  EXPECT_EQ(children_of(a_.pid()).size(), 1u) << a_.leftovers();
  EXPECT_EQ(b.leftovers(), "");
}

TEST_F(BadInputTest, AReadErrorOfTheDiskInMidMove) {
  TestAgent b(folder_, "B");
  const std::string disk = folder_.file("disk.raw");
  { std::ofstream file(disk); }
  ASSERT_EQ(truncate(disk.c_str(), 64 << 20), 0);
  run_guest({"--disk", disk});
  ASSERT_TRUE(a_.wait_until_filled("g"));
  RunningCommand migrate(folder_, {"migrate", "g", "--from", a_.address(),
                                   "--to", b.address(), "--bandwidth", "20M"});
  ASSERT_TRUE(migrate.wait_for_output("round 1"));
  ASSERT_EQ(truncate(disk.c_str(), 1 << 20), 0);
  const CommandResult result = migrate.wait();
  expect_failure(result, kIo, "disk0");
  EXPECT_NE(result.err.find("guest g runs on at A"), std::string::npos)
      << result.err;
  EXPECT_EQ(a_.status("g").value("state", ""), "running");
  EXPECT_EQ(children_of(a_.pid()).size(), 1u) << a_.leftovers();
  EXPECT_EQ(b.leftovers(), "");
}

TEST_F(BadInputTest, TwoGuestsOnOneDiskFile) {
  const std::string disk = folder_.file("disk.raw");
  std::ofstream(disk) << std::string(1 << 20, '\0');
  run_guest({"--disk", disk});
  expect_failure(a_.run_guest("h", {"--disk", disk}), kAlreadyExists,
                 "the disk file " + disk + " is guest g's");
}

TEST_F(BadInputTest, TwoAgentsOnOneStateFolder) {
  const CommandResult second =
      causeway(folder_, {"agent", "--name", "A2", "--listen", "127.0.0.1:0",
                         "--state", a_.state_folder()});
  expect_failure(second, kAlreadyExists, "another agent uses");
}

}  // namespace
}  // namespace causeway::integration
