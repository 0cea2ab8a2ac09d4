// What an operator does to a migration that is under way: dry run, cancel,
// pause and continue, a time limit.
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/integration/test_agent.h"

namespace causeway::integration {
namespace {

using nlohmann::json;

class SteeringTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_kvm(); !why.empty()) GTEST_SKIP() << why;
    const CommandResult ran = a_.run_guest(
        "g", {"--memory", "32M", "--disk", "16M", "--workload", "mixed:2M"});
    ASSERT_EQ(ran.exit_code, 0) << ran.text();
    ASSERT_TRUE(a_.wait_until_filled("g"));
  }

  std::vector<std::string> migrate_arguments(
      const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"migrate",    "g",    "--from",
                                          a_.address(), "--to", b_.address()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  CommandResult steer(const std::string& command) {
    return causeway(folder_, {command, "g", "--agent", a_.address()});
  }

  void expect_at_source() {
    EXPECT_EQ(a_.status("g").value("state", ""), "running");
    EXPECT_EQ(a_.guest("check", "g").exit_code, 0);
    EXPECT_EQ(b_.leftovers(), "");
  }

  TestFolder folder_;
  TestAgent a_{folder_, "A"};
  TestAgent b_{folder_, "B"};
};

// 48 MiB at 8 MiB/s: time enough to act.
const std::vector<std::string> kSlow = {"--bandwidth", "8M"};

TEST_F(SteeringTest, ADryRunSaysHowLongAndMovesNothing) {
  const std::string path = folder_.file("report.json");
  const CommandResult tried = causeway(
      folder_,
      migrate_arguments({"--bandwidth", "16M", "--dry-run", "--json", path}));
  EXPECT_EQ(tried.exit_code, 0) << tried.text();
  EXPECT_NE(tried.out.find("Nothing has moved"), std::string::npos);
  const json report = json::parse(read_file(path), nullptr, false);
  EXPECT_TRUE(report.value("dry_run", false));
  EXPECT_GT(report.value("first_round_s", 0.0), 0.5);
  EXPECT_LT(report.value("first_round_s", 0.0), 30.0);
  expect_at_source();
}

TEST_F(SteeringTest, ADryRunFindsWhatWouldRefuseTheMove) {
  ASSERT_EQ(b_.run_guest("g", {"--memory", "16M"}).exit_code, 0);
  const CommandResult tried =
      causeway(folder_, migrate_arguments({"--dry-run"}));
  EXPECT_EQ(tried.exit_code, 4) << tried.text();
}

TEST_F(SteeringTest, CancelLeavesTheGuestAndATidyTarget) {
  RunningCommand migrate(folder_, migrate_arguments(kSlow));
  ASSERT_TRUE(migrate.wait_for_output("pre-copy"));
  const CommandResult cancelled = steer("cancel");
  EXPECT_EQ(cancelled.exit_code, 0) << cancelled.text();
  // When cancel returns all is in order already.
  expect_at_source();
  EXPECT_EQ(migrate.wait().exit_code, 14);
}

TEST_F(SteeringTest, PauseHoldsItAndContinueLetsItGoOn) {
  RunningCommand migrate(folder_, migrate_arguments(kSlow));
  ASSERT_TRUE(migrate.wait_for_output("pre-copy"));
  ASSERT_EQ(steer("pause").exit_code, 0);
  ASSERT_TRUE(migrate.wait_for_output("paused"));
  EXPECT_EQ(a_.guest("check", "g").exit_code, 0);
  ASSERT_EQ(steer("continue").exit_code, 0);
  const CommandResult moved = migrate.wait();
  EXPECT_EQ(moved.exit_code, 0) << moved.text();
  EXPECT_EQ(b_.guest("check", "g").exit_code, 0);
  EXPECT_EQ(a_.leftovers(), "");
}

TEST_F(SteeringTest, APausedMigrationCanBeCancelled) {
  RunningCommand migrate(folder_, migrate_arguments(kSlow));
  ASSERT_TRUE(migrate.wait_for_output("pre-copy"));
  ASSERT_EQ(steer("pause").exit_code, 0);
  EXPECT_EQ(steer("cancel").exit_code, 0);
  EXPECT_EQ(migrate.wait().exit_code, 14);
  expect_at_source();
}

TEST_F(SteeringTest, ATimeLimitCallsItOff) {
  const CommandResult limited = causeway(
      folder_,
      migrate_arguments({"--bandwidth", "8M", "--time-limit", "300ms"}));
  EXPECT_EQ(limited.exit_code, 15) << limited.text();
  EXPECT_NE(limited.err.find("time limit"), std::string::npos);
  expect_at_source();
}

TEST_F(SteeringTest, WatchSeesAMigrationToItsEnd) {
  RunningCommand all(folder_, {"watch", "--agent", a_.address()});
  RunningCommand migrate(folder_, migrate_arguments(kSlow));
  ASSERT_TRUE(migrate.wait_for_output("pre-copy"));
  RunningCommand one(folder_,
                     {"watch", "g", "--agent", a_.address(), "--json-lines"});
  ASSERT_TRUE(one.wait_for_output("\"round\":1"));
  EXPECT_EQ(migrate.wait().exit_code, 0);
  const CommandResult watched = one.wait();
  EXPECT_EQ(watched.exit_code, 0) << watched.text();
  EXPECT_NE(watched.out.find("\"moved\":true"), std::string::npos);
  EXPECT_TRUE(all.wait_for_output("g: has moved"));
  all.signal(SIGINT);
  all.wait();
}

TEST_F(SteeringTest, WhatIsNotUnderWayCannotBeSteered) {
  for (const char* command : {"cancel", "pause", "continue"}) {
    const CommandResult refused = steer(command);
    EXPECT_EQ(refused.exit_code, 3) << refused.text();
    EXPECT_NE(refused.err.find("no migration \"g\" under way"),
              std::string::npos)
        << refused.err;
  }
}

}  // namespace
}  // namespace causeway::integration
