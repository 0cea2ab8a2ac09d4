#include "engine/policy/convergence.h"

#include <gtest/gtest.h>

namespace causeway {
namespace {

using std::chrono::milliseconds;

RoundObservation busy() {
  RoundObservation seen;
  seen.round = 2;
  seen.sent_blocks = 10000;
  seen.dirty_blocks = 10000;
  seen.rate_bytes_s = 1e9;  // 10000 blocks take 41 ms
  seen.fixed_blackout = milliseconds(1);
  return seen;
}

TEST(Convergence, StopsWhenNothingIsDirty) {
  RoundObservation seen = busy();
  seen.dirty_blocks = 0;
  EXPECT_TRUE(decide_convergence(seen, {}).stop);
}

TEST(Convergence, GoesOnWhileTheBlackoutWouldBeTooLong) {
  const ConvergenceDecision decision = decide_convergence(busy(), {});
  EXPECT_FALSE(decision.stop);
  EXPECT_NEAR(milliseconds(42) / milliseconds(1),
              decision.blackout_predicted / milliseconds(1), 1);
  EXPECT_FALSE(decision.why.empty());
}

TEST(Convergence, StopsWithinTheGoalWhenRoundsNoLongerShrink) {
  RoundObservation seen = busy();
  EXPECT_TRUE(decide_convergence(seen, {milliseconds(50), 30}).stop);
}

TEST(Convergence, TakesOneMoreRoundWhenThatShortensTheBlackout) {
  RoundObservation seen = busy();
  seen.dirty_blocks = 4000;
  EXPECT_FALSE(decide_convergence(seen, {milliseconds(50), 30}).stop);
  seen.dirty_blocks = 100;  // 0.4 ms: less than what a stop costs anyway
  EXPECT_TRUE(decide_convergence(seen, {milliseconds(50), 30}).stop);
}

TEST(Convergence, GivesUpOnAGuestThatOutrunsThePath) {
  RoundObservation seen = busy();
  seen.rounds_without_gain = kRoundsWithoutGainMax;
  const ConvergenceDecision decision = decide_convergence(seen, {});
  EXPECT_TRUE(decision.stop);
  EXPECT_NE(decision.why.find("without gain"), std::string::npos);
  seen.rounds_without_gain = 0;
  seen.round = 30;
  EXPECT_TRUE(decide_convergence(seen, {}).stop);
}

}  // namespace
}  // namespace causeway
