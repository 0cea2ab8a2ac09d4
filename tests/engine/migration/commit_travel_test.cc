#include "engine/migration/commit_travel.h"

#include <gtest/gtest.h>

namespace causeway {
namespace {

using std::chrono::milliseconds;

// Each message takes 10 ms, and one of them a second more.
constexpr milliseconds kTravel{10};
constexpr milliseconds kCut{1000};

CommitTimes times(Duration final, Duration prepared, Duration commit,
                  Duration running) {
  return {final + prepared, prepared + commit, commit + running};
}

TEST(CommitTravel, IsHalfARoundTripOfASteadyLine) {
  EXPECT_EQ(commit_travel(times(kTravel, kTravel, kTravel, kTravel)), kTravel);
}

TEST(CommitTravel, KnowsUnderWhichMessageTheLineWasSilent) {
  const Duration late = kTravel + kCut;
  EXPECT_EQ(commit_travel(times(late, kTravel, kTravel, kTravel)), kTravel);
  EXPECT_EQ(commit_travel(times(kTravel, late, kTravel, kTravel)), kTravel);
  EXPECT_EQ(commit_travel(times(kTravel, kTravel, late, kTravel)), late);
  EXPECT_EQ(commit_travel(times(kTravel, kTravel, kTravel, late)), kTravel);
}

// What a peer says of its own clock is a claim.
TEST(CommitTravel, StaysWithinWhatTheSourceHasSeen) {
  const milliseconds hour{3600000};
  const Duration trip = 2 * kTravel;
  EXPECT_EQ(commit_travel({trip, hour, trip}), trip);
  EXPECT_EQ(commit_travel({trip, -hour, trip}), Duration{0});
  EXPECT_EQ(commit_travel({trip, trip, Duration{0}}), Duration{0});
}

}  // namespace
}  // namespace causeway
