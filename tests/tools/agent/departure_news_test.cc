#include "tools/agent/departure_news.h"

#include <gtest/gtest.h>

#include <vector>

namespace causeway {
namespace {

constexpr std::chrono::milliseconds kAtOnce{0};

TEST(DepartureNews, CallerAndWatchersHearTheSame) {
  Watchers watchers;
  Watchers::Watch watch(&watchers, "m1");
  std::vector<control::MigrationEvent> heard;
  const auto caller = [&](const control::MigrationEvent& event) {
    heard.push_back(event);
    return true;
  };
  DepartureNews news(&watchers, caller, "m1", "g");
  news.stage("pre-copy");
  news.progress({{"stage", "pre-copy"}, {"round", 3}, {"held", true}});
  news.report({{"total_s", 1}});
  ASSERT_EQ(heard.size(), 4u);
  EXPECT_EQ(heard[0].started(), "m1");
  EXPECT_EQ(heard[1].stage(), "pre-copy");
  EXPECT_EQ(heard[2].progress().round(), 3u);
  EXPECT_EQ(heard[2].progress().eta_s(), -1);
  EXPECT_TRUE(heard[2].progress().held());
  EXPECT_EQ(heard[3].report_json(), "{\"total_s\":1}");
  for (const control::MigrationEvent& event : heard) {
    const auto seen = watch.next(kAtOnce);
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->guest(), "g");
    EXPECT_EQ(seen->event().SerializeAsString(), event.SerializeAsString());
  }
}

TEST(DepartureNews, ACallerThatHasGoneIsToldNoMore) {
  Watchers watchers;
  Watchers::Watch watch(&watchers, "m1");
  int told = 0;
  const auto caller = [&](const control::MigrationEvent&) {
    return ++told < 2;
  };
  DepartureNews news(&watchers, caller, "m1", "g");
  EXPECT_FALSE(news.caller_has_gone());
  news.stage("pre-copy");
  EXPECT_TRUE(news.caller_has_gone());
  news.stage("commitment");
  EXPECT_EQ(told, 2);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(watch.next(kAtOnce));
}

}  // namespace
}  // namespace causeway
