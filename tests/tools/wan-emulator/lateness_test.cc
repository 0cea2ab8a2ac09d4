#include "tools/wan-emulator/lateness.h"

#include <gtest/gtest.h>

namespace causeway {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST(Lateness, WithoutFramesThereIsNone) {
  const Lateness lateness(milliseconds(1));
  EXPECT_EQ(lateness.quantile(0.5), Duration::zero());
  EXPECT_EQ(lateness.max(), Duration::zero());
}

TEST(Lateness, CountsWhatIsOverTheLimit) {
  Lateness lateness(milliseconds(1));
  lateness.add(milliseconds(1));
  lateness.add(milliseconds(1) + Duration(1));
  lateness.add(-milliseconds(1));
  EXPECT_EQ(lateness.frames(), 3u);
  EXPECT_EQ(lateness.late_frames(), 1u);
}

// To an eighth, never less than it was, at every size.
TEST(Lateness, QuantilesAreKnownToAnEighth) {
  for (int64_t us = 1; us < 4'000'000'000; us = us * 3 / 2 + 1) {
    Lateness lateness(std::chrono::hours(2));
    for (int i = 0; i < 99; ++i) lateness.add(microseconds(us));
    lateness.add(std::chrono::hours(1));
    const auto median = lateness.quantile(0.5);
    EXPECT_GE(median, microseconds(us));
    EXPECT_LE(median, microseconds(us + us / 8 + 1));
    EXPECT_EQ(lateness.quantile(1), std::chrono::hours(1));
  }
}

}  // namespace
}  // namespace causeway
