#include "engine/policy/dedup_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace causeway {
namespace {

using testing::HasSubstr;

DedupObservation sampled(uint64_t known) {
  DedupObservation seen;
  seen.indexed_blocks = 1000;
  seen.sampled = true;
  seen.asked_blocks = 1000;
  seen.known_blocks = known;
  seen.rtt = std::chrono::milliseconds(50);
  return seen;
}

DedupStep step(const DedupObservation& seen) {
  const DedupDecision decision = decide_dedup(seen, DedupMode::kAuto);
  EXPECT_FALSE(decision.why.empty());
  return decision.step;
}

TEST(DedupChoice, ASampleFirstAndOnlyOfWhoHasSomething) {
  DedupObservation seen;
  EXPECT_EQ(step(seen), DedupStep::kSend);
  seen.indexed_blocks = 1;
  EXPECT_EQ(step(seen), DedupStep::kSample);
}

TEST(DedupChoice, AskingMustSaveMoreThanItCosts) {
  DedupObservation seen = sampled(100);
  seen.ask_bytes_s = 2e9;
  seen.link_bytes_s = 100e6;  // pays from 5 % on
  EXPECT_EQ(step(seen), DedupStep::kAskAll);
  seen.known_blocks = 49;
  EXPECT_EQ(step(seen), DedupStep::kSend);
  seen.link_bytes_s = 10e6;
  EXPECT_EQ(step(seen), DedupStep::kAskAll);
}

TEST(DedupChoice, OfALinkThatIsNotKnownTheRoundTripTells) {
  DedupObservation seen = sampled(500);
  EXPECT_EQ(step(seen), DedupStep::kAskAll);
  seen.rtt = std::chrono::microseconds(100);
  EXPECT_EQ(step(seen), DedupStep::kSend);
}

TEST(DedupChoice, ASampleOfZerosSaysNothing) {
  DedupObservation seen = sampled(0);
  seen.asked_blocks = 0;
  EXPECT_EQ(step(seen), DedupStep::kSend);
}

TEST(DedupChoice, WhoIsToldDoesAsTold) {
  EXPECT_EQ(decide_dedup(sampled(0), DedupMode::kOn).step, DedupStep::kAskAll);
  EXPECT_EQ(decide_dedup(sampled(1000), DedupMode::kOff).step,
            DedupStep::kSend);
  for (const auto mode : {DedupMode::kAuto, DedupMode::kOn, DedupMode::kOff}) {
    EXPECT_EQ(dedup_mode_from_name(dedup_mode_name(mode)), mode);
  }
  EXPECT_FALSE(dedup_mode_from_name("maybe"));
}

}  // namespace
}  // namespace causeway
