// Whole migrations through the real binaries: command line, agents, movers,
// VMMs. What each must hold: the guest runs at the target and verifies itself,
// nothing of it is left at the source, the report adds up.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "tests/integration/test_agent.h"

namespace causeway::integration {
namespace {

using nlohmann::json;

class MigrationTest : public ::testing::Test {
 protected:
  // Runs a guest at A, lets it fill itself, moves it to B with
  // `migrate_arguments`, checks all, and returns the report.
  json move(const std::vector<std::string>& guest_arguments,
            const std::vector<std::string>& migrate_arguments) {
    const CommandResult ran = a_.run_guest("g", guest_arguments);
    EXPECT_EQ(ran.exit_code, 0) << ran.text();
    if (ran.exit_code != 0) return json::object();
    EXPECT_TRUE(a_.wait_until_filled("g")) << a_.log();
    std::vector<std::string> arguments = {
        "migrate", "g",          "--from", a_.address(),
        "--to",    b_.address(), "--json", report_path()};
    arguments.insert(arguments.end(), migrate_arguments.begin(),
                     migrate_arguments.end());
    const CommandResult moved = causeway(folder_, arguments);
    EXPECT_EQ(moved.exit_code, 0) << moved.text() << a_.log() << b_.log();
    const json report = json::parse(read_file(report_path()), nullptr, false);
    if (moved.exit_code == 0) check_arrived(report, path_);
    return report;
  }

  void check_arrived(const json& report, const std::string& path) {
    EXPECT_EQ(a_.leftovers(), "");
    EXPECT_TRUE(a_.guests().empty());
    EXPECT_EQ(b_.status("g").value("state", ""), "running");
    const CommandResult checked = b_.guest("check", "g");
    EXPECT_EQ(checked.exit_code, 0) << checked.text();
    EXPECT_EQ(report.value("guest", ""), "g");
    EXPECT_EQ(report.value("path", ""), path);
    EXPECT_EQ(report.value("encryption", ""), "tls-1.3");
    EXPECT_TRUE(report.value("verified", false)) << report.dump(2);
    EXPECT_EQ(report.value("guest_steps_lost", -1), 0) << report.dump(2);
    double sum_ms = 0;
    for (const auto& line : report.at("ledger")) sum_ms += line.get<double>();
    EXPECT_NEAR(sum_ms, report.at("blackout_ms").get<double>(), 0.01);
    uint64_t wire = 0;
    for (const auto& round : report.at("rounds")) {
      wire += round.at("wire_bytes").get<uint64_t>();
    }
    EXPECT_GT(wire, 0u);
    EXPECT_GE(report.at("bytes").at("wire").get<uint64_t>(), wire);
    EXPECT_GT(report.at("engine").at("rss_bytes").get<uint64_t>(), 0u);
  }

  std::string report_path() const { return folder_.file("report.json"); }

  // One host is a round trip of microseconds: what is chosen without a word.
  std::string path_ = "tcp";
  TestFolder folder_;
  TestAgent a_{folder_, "A"};
  TestAgent b_{folder_, "B"};
};

class KvmMigrationTest : public MigrationTest {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_kvm(); !why.empty()) GTEST_SKIP() << why;
  }
};

TEST_F(KvmMigrationTest, PreCopyBitmapOneStream) {
  const json report = move({"--memory", "64M", "--disk", "32M", "--workload",
                            "mixed:20M", "--content", "mixed"},
                           {"--streams", "1", "--proof", "frozen"});
  EXPECT_EQ(report.value("mode", ""), "pre-copy");
  EXPECT_EQ(report.value("streams", 0), 1);
}

TEST_F(KvmMigrationTest, TwoStreamsUnlessToldOtherwise) {
  const json report = move({"--memory", "16M", "--workload", "idle"}, {});
  EXPECT_EQ(report.value("streams", 0), 2);
}

TEST_F(KvmMigrationTest, PreCopyRingFourStreamsTwoCpus) {
  const json report = move({"--memory", "64M", "--disk", "32M", "--workload",
                            "uniform:20M", "--tracker", "ring", "--vcpus", "2"},
                           {"--streams", "4", "--proof", "strict"});
  EXPECT_EQ(report.value("streams", 0), 4);
}

TEST_F(KvmMigrationTest, StopAndCopySendsEveryBlockOnce) {
  const json report = move({"--memory", "64M", "--workload", "uniform:max"},
                           {"--mode", "stop-and-copy", "--proof", "landed"});
  EXPECT_EQ(report.value("mode", ""), "stop-and-copy");
  ASSERT_EQ(report.at("rounds").size(), 1u);
  EXPECT_LE(report["rounds"][0]["bytes"].get<uint64_t>(), 64ull << 20);
}

TEST_F(KvmMigrationTest, OverTheWanPath) {
  path_ = "wan";
  const json report = move({"--memory", "64M", "--disk", "32M", "--workload",
                            "mixed:20M", "--content", "mixed"},
                           {"--path", "wan"});
  EXPECT_EQ(report.value("streams", 0), 2);
}

TEST_F(KvmMigrationTest, OverTheWanPathByCubicInSmallDatagrams) {
  path_ = "wan";
  move({"--memory", "16M", "--workload", "uniform:5M"},
       {"--path", "wan", "--congestion", "cubic", "--datagram-bytes", "1200",
        "--streams", "1"});
}

// Text, zeros and random words; parts of the hot pages change.
TEST_F(KvmMigrationTest, DeflatedAndAsDeltas) {
  const json report =
      move({"--memory", "96M", "--disk", "32M", "--content", "shares:0.5,0.25",
            "--workload", "hotset:20M,0.2,0.1"},
           {"--codec", "deflate:1", "--max-blackout", "5ms"});
  const json& bytes = report.at("bytes");
  for (const char* method : {"zero", "raw", "deflated", "delta"}) {
    EXPECT_GT(bytes.value(method, 0u), 0u) << method << bytes.dump();
  }
  // Of 128 MiB 32 are text-like, the quarter of random words stays.
  EXPECT_LT(bytes.at("wire").get<uint64_t>(), 70u << 20);
}

TEST_F(KvmMigrationTest, ThereAndBack) {
  move({"--memory", "32M", "--disk", "16M", "--workload", "disk:10M"}, {});
  const CommandResult back =
      causeway(folder_, {"migrate", "g", "--from", b_.address(), "--to",
                         a_.address(), "--streams", "2"});
  EXPECT_EQ(back.exit_code, 0) << back.text();
  EXPECT_EQ(b_.leftovers(), "");
  EXPECT_EQ(a_.guest("check", "g").exit_code, 0);
}

TEST_F(KvmMigrationTest, ASparseGuestStaysSparse) {
  const json report = move({"--memory", "512M", "--disk", "512M", "--used",
                            "0.02", "--workload", "idle"},
                           {});
  // 2 % of 1 GiB, and the tables that describe all of it.
  EXPECT_LT(report.at("bytes").at("wire").get<uint64_t>(), 64ull << 20);
  const std::string disk = b_.state_folder() + "/guests/g/disk.raw";
  struct stat stat = {};
  ASSERT_EQ(::stat(disk.c_str(), &stat), 0);
  EXPECT_EQ(stat.st_size, 512 << 20);
  EXPECT_LT(stat.st_blocks * 512, 64 << 20);
}

TEST_F(KvmMigrationTest, AFlippedBitIsFoundAfterTheMove) {
  move({"--memory", "32M", "--disk", "16M", "--workload", "idle"}, {});
  const auto regions = b_.status("g").at("monitor").at("regions");
  for (const auto& region : regions) {
    const uint64_t byte = region.at("checked_offset").get<uint64_t>() +
                          region.at("checked_bytes").get<uint64_t>() / 2;
    const CommandResult flipped =
        causeway(folder_, {"guest", "flip-bit", "g", "--agent", b_.address(),
                           "--region", region.at("name").get<std::string>(),
                           "--byte", std::to_string(byte), "--bit", "3"});
    ASSERT_EQ(flipped.exit_code, 0) << flipped.text();
    const CommandResult found = b_.guest("check", "g");
    EXPECT_EQ(found.exit_code, 13) << found.text();
    EXPECT_NE(found.err.find("guest g is damaged: " +
                             region.at("name").get<std::string>()),
              std::string::npos)
        << found.text();
    // Back again, so that the next one is found by itself.
    causeway(folder_, {"guest", "flip-bit", "g", "--agent", b_.address(),
                       "--region", region.at("name").get<std::string>(),
                       "--byte", std::to_string(byte), "--bit", "3"});
    EXPECT_EQ(b_.guest("check", "g").exit_code, 0);
  }
}

// A write that the dirty log does not hear of: only the proof of the frozen
// image can find it, after the guest has gone on at the target.
TEST_F(KvmMigrationTest, AMissedWriteIsLoudAndTheSourceKeepsItsImage) {
  const CommandResult ran =
      a_.run_guest("g", {"--memory", "48M", "--workload", "hotset:50M,0.5"});
  ASSERT_EQ(ran.exit_code, 0) << ran.text();
  ASSERT_TRUE(a_.wait_until_filled("g"));
  const json ram = a_.status("g").at("monitor").at("regions").at(0);
  // In the cold half, which the first round has sent for good.
  const uint64_t byte = ram.at("checked_offset").get<uint64_t>() +
                        ram.at("checked_bytes").get<uint64_t>() / 16 * 15;
  RunningCommand migrate(folder_, {"migrate", "g", "--from", a_.address(),
                                   "--to", b_.address(), "--bandwidth", "24M"});
  ASSERT_TRUE(migrate.wait_for_output("round 2"));
  const CommandResult flipped =
      causeway(folder_, {"guest", "flip-bit", "g", "--agent", a_.address(),
                         "--byte", std::to_string(byte), "--untracked"});
  ASSERT_EQ(flipped.exit_code, 0) << flipped.text();
  const CommandResult result = migrate.wait();
  EXPECT_EQ(result.exit_code, 13) << result.text();
  EXPECT_NE(result.err.find("its frozen image is kept at A"), std::string::npos)
      << result.err;
  EXPECT_EQ(a_.status("g").value("state", ""), "frozen");
  EXPECT_EQ(b_.status("g").value("state", ""), "running");
  // What runs there is what the log knew: whole, without the flipped bit.
  EXPECT_EQ(b_.guest("check", "g").exit_code, 0);
  EXPECT_EQ(a_.guest("stop", "g").exit_code, 0);
  EXPECT_EQ(a_.leftovers(), "");
}

TEST_F(MigrationTest, AGuestWithoutKvm) {
  if (const std::string why = why_no_process_guest(); !why.empty()) {
    GTEST_SKIP() << why;
  }
  move({"--memory", "32M", "--disk", "16M", "--workload", "mixed:10M",
        "--hypervisor", "process"},
       {"--streams", "2"});
}

TEST_F(KvmMigrationTest, CtrlCLeavesTheGuestWhereItIs) {
  ASSERT_EQ(a_.run_guest("g", {"--memory", "64M"}).exit_code, 0);
  RunningCommand migrate(folder_, {"migrate", "g", "--from", a_.address(),
                                   "--to", b_.address(), "--bandwidth", "4M"});
  ASSERT_TRUE(migrate.wait_for_output("pre-copy"));
  migrate.signal(SIGINT);
  const CommandResult result = migrate.wait();
  EXPECT_EQ(result.exit_code, 14) << result.text();
  EXPECT_NE(result.err.find("cancelled"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("guest g runs on at A"), std::string::npos)
      << result.err;
  EXPECT_EQ(b_.leftovers(), "");
  EXPECT_EQ(a_.guest("check", "g").exit_code, 0);
}

TEST_F(KvmMigrationTest, ACallerThatDiesCancels) {
  ASSERT_EQ(a_.run_guest("g", {"--memory", "64M"}).exit_code, 0);
  RunningCommand migrate(folder_, {"migrate", "g", "--from", a_.address(),
                                   "--to", b_.address(), "--bandwidth", "4M"});
  ASSERT_TRUE(migrate.wait_for_output("pre-copy"));
  migrate.signal(SIGKILL);
  EXPECT_TRUE(eventually([&] {
    return a_.status("g").value("state", "") == "running" &&
           b_.leftovers().empty();
  })) << b_.leftovers();
  EXPECT_EQ(a_.guest("check", "g").exit_code, 0);
}

TEST_F(KvmMigrationTest, TheTargetsAgentDiesAndCleansUpWhenItIsBack) {
  ASSERT_EQ(a_.run_guest("g", {"--memory", "64M"}).exit_code, 0);
  RunningCommand migrate(folder_, {"migrate", "g", "--from", a_.address(),
                                   "--to", b_.address(), "--bandwidth", "4M"});
  ASSERT_TRUE(migrate.wait_for_output("pre-copy"));
  b_.stop(SIGKILL);
  const CommandResult result = migrate.wait();
  EXPECT_NE(result.exit_code, 0);
  EXPECT_NE(result.err.find("guest g runs on at A"), std::string::npos)
      << result.text();
  b_.start();
  EXPECT_EQ(b_.leftovers(), "");
  EXPECT_EQ(a_.guest("check", "g").exit_code, 0);
}

TEST_F(KvmMigrationTest, TheSourcesAgentDiesAndFindsItsGuestAgain) {
  ASSERT_EQ(a_.run_guest("g", {"--memory", "64M"}).exit_code, 0);
  RunningCommand migrate(folder_, {"migrate", "g", "--from", a_.address(),
                                   "--to", b_.address(), "--bandwidth", "4M"});
  ASSERT_TRUE(migrate.wait_for_output("pre-copy"));
  a_.stop(SIGKILL);
  const CommandResult result = migrate.wait();
  EXPECT_EQ(result.exit_code, 12) << result.text();
  EXPECT_TRUE(eventually([&] { return b_.leftovers().empty(); }))
      << b_.leftovers();
  a_.start();
  EXPECT_EQ(a_.status("g").value("state", ""), "running") << a_.log();
  EXPECT_EQ(a_.guest("check", "g").exit_code, 0);
}

TEST_F(KvmMigrationTest, GuestsOutliveTheirAgent) {
  ASSERT_EQ(a_.run_guest("g", {"--memory", "32M"}).exit_code, 0);
  const int pid = a_.status("g").value("pid", 0);
  a_.stop(SIGTERM);
  EXPECT_NE(a_.log().find("1 guest runs on"), std::string::npos) << a_.log();
  a_.start();
  EXPECT_EQ(a_.status("g").value("state", ""), "running");
  EXPECT_EQ(a_.status("g").value("pid", 0), pid);
}

// Each that hangs is waited for: one after the other they would take longer
// than a caller waits.
TEST_F(KvmMigrationTest, VmmsThatHangKeepNobodyWaiting) {
  std::vector<pid_t> vmms;
  for (const char* name : {"g1", "g2", "g3", "g4", "g5", "g6"}) {
    ASSERT_EQ(a_.run_guest(name, {"--memory", "8M"}).exit_code, 0);
    vmms.push_back(a_.status(name).value("pid", 0));
    ASSERT_GT(vmms.back(), 0);
  }
  for (const pid_t pid : vmms) kill(pid, SIGSTOP);
  EXPECT_EQ(a_.guests().size(), 6u);
  a_.stop(SIGKILL);
  a_.start();
  EXPECT_EQ(a_.guests().size(), 6u);
  for (const pid_t pid : vmms) kill(pid, SIGCONT);
  EXPECT_TRUE(eventually(
      [&] { return a_.status("g6").value("state", "") == "running"; }));
}

// As after a power cut: the disk may be the only copy.
TEST_F(KvmMigrationTest, AGuestThatDiedWithoutAnAgentKeepsItsDisk) {
  ASSERT_EQ(a_.run_guest("g", {"--memory", "32M", "--disk", "1M"}).exit_code,
            0);
  const pid_t pid = a_.status("g").value("pid", 0);
  ASSERT_GT(pid, 0);
  a_.stop(SIGTERM);
  kill(pid, SIGKILL);
  ASSERT_TRUE(eventually(
      [&] { return processes_with(a_.state_folder() + "/guests").empty(); }));
  a_.start();
  EXPECT_EQ(a_.status("g").value("state", ""), "died");
  EXPECT_EQ(a_.guest("check", "g").exit_code, 9);
  EXPECT_TRUE(
      std::filesystem::exists(a_.state_folder() + "/guests/g/disk.raw"));
  EXPECT_EQ(a_.guest("stop", "g").exit_code, 0);
  EXPECT_EQ(a_.leftovers(), "");
}

// A program that starts another where there is no /dev/kvm.
std::vector<std::string> without_kvm(const TestFolder& folder) {
  const std::string devices = folder.file("dev");
  const std::string script =
      "set -e; mkdir " + devices + "; mount -t tmpfs tmpfs " + devices +
      "; for f in null zero urandom; do touch " + devices +
      "/$f; mount --bind /dev/$f " + devices + "/$f; done; mount --move " +
      devices + " /dev; exec \"$@\"";
  return {"unshare", "--mount", "sh", "-c", script, "sh"};
}

TEST(HostWithoutKvm, RunsGuestsAsProcessesAndSaysSo) {
  if (geteuid() != 0) GTEST_SKIP() << "hiding /dev/kvm needs root";
  if (const std::string why = why_no_process_guest(); !why.empty()) {
    GTEST_SKIP() << why;
  }
  TestFolder folder;
  TestAgent agent(folder, "N", {"", {}, without_kvm(folder)});
  const CommandResult ran = agent.run_guest("g", {"--memory", "32M"});
  EXPECT_EQ(ran.exit_code, 0) << ran.text();
  EXPECT_NE(ran.out.find("this host has no /dev/kvm: the guest runs as a "
                         "plain process"),
            std::string::npos)
      << ran.text();
  EXPECT_EQ(agent.status("g").value("hypervisor", ""), "process");
  EXPECT_EQ(agent.guest("check", "g").exit_code, 0);
}

TEST_F(KvmMigrationTest, AKvmGuestDoesNotMoveToAHostWithoutKvm) {
  if (geteuid() != 0) GTEST_SKIP() << "hiding /dev/kvm needs root";
  TestAgent without(folder_, "N", {"", {}, without_kvm(folder_)});
  ASSERT_EQ(a_.run_guest("g", {"--memory", "32M"}).exit_code, 0);
  const CommandResult result = causeway(
      folder_,
      {"migrate", "g", "--from", a_.address(), "--to", without.address()});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_NE(result.err.find("/dev/kvm"), std::string::npos) << result.text();
  EXPECT_EQ(without.leftovers(), "");
  EXPECT_EQ(a_.guest("check", "g").exit_code, 0);
}

}  // namespace
}  // namespace causeway::integration
