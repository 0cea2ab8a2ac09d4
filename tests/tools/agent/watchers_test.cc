#include "tools/agent/watchers.h"

#include <gtest/gtest.h>

#include <thread>

#include "tools/agent/limits.h"

namespace causeway {
namespace {

constexpr std::chrono::milliseconds kNow{0};

control::WatchEvent stage(const std::string& migration,
                          const std::string& name) {
  control::WatchEvent event;
  event.set_migration(migration);
  event.mutable_event()->set_stage(name);
  return event;
}

control::WatchEvent ended(const std::string& migration) {
  control::WatchEvent event;
  event.set_migration(migration);
  event.mutable_ended();
  return event;
}

TEST(Watchers, EachSeesWhatItAskedFor) {
  Watchers watchers;
  Watchers::Watch all(&watchers, "");
  Watchers::Watch one(&watchers, "m1");
  watchers.publish(stage("m1", "pre-copy"));
  watchers.publish(stage("m2", "pre-copy"));
  EXPECT_EQ(all.next(kNow)->migration(), "m1");
  EXPECT_EQ(all.next(kNow)->migration(), "m2");
  EXPECT_EQ(one.next(kNow)->event().stage(), "pre-copy");
  EXPECT_FALSE(one.next(kNow));
  EXPECT_FALSE(one.over());
}

TEST(Watchers, OneIsOverWithItsMigrationAllGoOn) {
  Watchers watchers;
  Watchers::Watch all(&watchers, "");
  Watchers::Watch one(&watchers, "m1");
  watchers.publish(ended("m1"));
  EXPECT_FALSE(one.over());  // the end is still to be seen
  EXPECT_TRUE(one.next(kNow)->has_ended());
  EXPECT_TRUE(one.over());
  EXPECT_TRUE(all.next(kNow));
  EXPECT_FALSE(all.over());
}

TEST(Watchers, ASlowOneLosesTheOldest) {
  Watchers watchers;
  Watchers::Watch slow(&watchers, "");
  for (size_t i = 0; i < kWatchEventsMax + 5; ++i) {
    watchers.publish(stage("m1", std::to_string(i)));
  }
  EXPECT_EQ(slow.next(kNow)->event().stage(), "5");
}

TEST(Watchers, StopWakesWhoWaits) {
  Watchers watchers;
  Watchers::Watch watch(&watchers, "");
  std::thread stopper([&] { watchers.stop(); });
  EXPECT_FALSE(watch.next(std::chrono::minutes(1)));
  EXPECT_TRUE(watch.over());
  stopper.join();
}

}  // namespace
}  // namespace causeway
