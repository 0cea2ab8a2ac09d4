#include "dpdk-wan/fec/repair_share.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "dpdk-wan/fec/limits.h"

namespace causeway {
namespace {

using std::chrono::milliseconds;

TEST(RepairShare, IsSmallOnACleanLinkAndGrowsWithLoss) {
  EXPECT_EQ(repairs_for(1, 0), 1U);
  EXPECT_LE(repairs_for(64, 0), 2U);
  size_t before = 0;
  for (const double loss : {0.0, 0.001, 0.01, 0.02, 0.03, 0.05, 0.08}) {
    const size_t repairs = repairs_for(64, loss);
    EXPECT_GE(repairs, before) << loss;
    before = repairs;
  }
  EXPECT_EQ(repairs_for(64, 0.01), 5U);
  EXPECT_EQ(repairs_for(64, 0.03), 9U);
}

TEST(RepairShare, MakesGroupsSmallerBeforeRepairIsTooLittle) {
  EXPECT_EQ(group_sources_for(0.03), 64U);
  for (const double loss : {0.0, 0.03, 0.1, 0.15, 0.2, 0.25, 1.0}) {
    const size_t sources = group_sources_for(loss);
    EXPECT_LE(repairs_for(sources, loss), kFecRepairsMax);
    EXPECT_GE(sources, 4U) << loss;
  }
  EXPECT_LT(group_sources_for(0.2), 64U);
}

// The formula against dice.
TEST(RepairShare, KeepsItsPromise) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 dice(seed);
  for (const double loss : {0.01, 0.05, 0.15}) {
    const size_t sources = group_sources_for(loss);
    const size_t repairs = repairs_for(sources, loss);
    std::binomial_distribution<size_t> lost(sources + repairs, loss);
    int failed = 0;
    for (int i = 0; i < 100'000; ++i) failed += lost(dice) > repairs ? 1 : 0;
    // 10 are expected at most; 40 would be nine standard deviations more.
    EXPECT_LT(failed, 40) << loss;
  }
}

TEST(RepairShare, IsForTheLastRoundTripOfARun) {
  RunObservation seen;
  EXPECT_TRUE(worth_repair(seen));
  seen.bytes_behind = 100u << 20;
  EXPECT_TRUE(worth_repair(seen)) << "nothing is known of the link";
  seen.rtt = milliseconds(100);
  seen.bytes_s = 12.5e6;
  EXPECT_FALSE(worth_repair(seen));
  seen.bytes_behind = 1'000'000;  // 80 ms
  EXPECT_TRUE(worth_repair(seen));
}

}  // namespace
}  // namespace causeway
