#include "tools/agent/departure_report.h"

#include <gtest/gtest.h>

namespace causeway {
namespace {

control::OutcomeReply outcome_with(const char* monitor, const char* target) {
  control::OutcomeReply outcome;
  outcome.mutable_guest()->set_monitor_json(monitor);
  outcome.mutable_guest()->set_blackout_ms(12.5);
  outcome.set_target_json(target);
  return outcome;
}

TEST(DepartureReport, WhatWasGivenUpCounts) {
  nlohmann::json report = {{"total_s", 2.0}};
  add_begun_anew(&report, "it loses 5 %", 1.5);
  EXPECT_EQ(report["total_s"], 3.5);
  EXPECT_EQ(report["begun_anew"]["why"], "it loses 5 %");
  EXPECT_EQ(report["begun_anew"]["seconds"], 1.5);
}

TEST(DepartureReport, StepsThatTheTargetBeganWithoutAreLost) {
  nlohmann::json report = nlohmann::json::object();
  const nlohmann::json frozen = {{"steps", {10u, 20u}}};
  add_outcome(&report,
              outcome_with(R"({"arrived_steps":[7,21]})", R"({"rounds":2})"),
              frozen);
  EXPECT_EQ(report["guest_steps_lost"], 3u);
  EXPECT_EQ(report["guest_blackout_ms"], 12.5);
  EXPECT_EQ(report["target"]["rounds"], 2);
}

TEST(DepartureReport, WhatNobodySaysIsNotThere) {
  const nlohmann::json frozen = {{"steps", {10u, 20u}}};
  const auto lost_is_said = [](const char* monitor,
                               const Result<nlohmann::json>& here) {
    nlohmann::json report = nlohmann::json::object();
    add_outcome(&report, outcome_with(monitor, ""), here);
    EXPECT_FALSE(report.contains("target"));
    return report.contains("guest_steps_lost");
  };
  EXPECT_FALSE(lost_is_said("", frozen));
  EXPECT_FALSE(lost_is_said(R"({"arrived_steps":[10]})", frozen));
  EXPECT_FALSE(lost_is_said(R"({"arrived_steps":[10,20]})",
                            make_error(ErrorCode::kUnreachable, "gone")));
  EXPECT_TRUE(lost_is_said(R"({"arrived_steps":[10,20]})", frozen));
}

TEST(DepartureReport, CountsForTheMetrics) {
  const MovedCounts counts =
      moved_counts({{"rounds", {1, 2, 3}},
                    {"bytes", {{"state", 5}, {"wire", 7}}},
                    {"blackout_ms", 250}});
  EXPECT_EQ(counts.rounds, 3u);
  EXPECT_EQ(counts.state_bytes, 5u);
  EXPECT_EQ(counts.wire_bytes, 7u);
  EXPECT_EQ(counts.blackout_s, 0.25);
  EXPECT_EQ(moved_counts(nlohmann::json::object()).rounds, 0u);
}

}  // namespace
}  // namespace causeway
