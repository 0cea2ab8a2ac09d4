#include "engine/policy/settled_loss.h"

#include <gtest/gtest.h>

namespace causeway {
namespace {

using std::chrono::milliseconds;

constexpr Instant kStart{std::chrono::seconds(100)};
constexpr Duration kRtt = milliseconds(100);

TEST(SettledLoss, LeavesOutWhatTheStartLost) {
  SettledLoss loss;
  // 30 % of the first 1000, then 1 %.
  loss.see({kRtt, 100, 0}, kStart);
  loss.see({kRtt, 1000, 300}, kStart + milliseconds(1499));
  EXPECT_EQ(loss.packets(), 0u);
  EXPECT_EQ(loss.share(), 0);
  loss.see({kRtt, 1200, 300}, kStart + milliseconds(1500));
  EXPECT_EQ(loss.packets(), 0u);
  loss.see({kRtt, 2200, 310}, kStart + milliseconds(2500));
  EXPECT_EQ(loss.packets(), 1000u);
  EXPECT_DOUBLE_EQ(loss.share(), 0.01);
}

TEST(SettledLoss, TheQueueOfTheStartMakesItLonger) {
  SettledLoss loss;
  loss.see({kRtt, 100, 0}, kStart);
  loss.see({3 * kRtt, 1000, 300}, kStart + milliseconds(1000));
  loss.see({kRtt, 2000, 600}, kStart + milliseconds(4499));
  loss.see({kRtt, 3000, 600}, kStart + milliseconds(4500));
  EXPECT_EQ(loss.packets(), 0u);
  loss.see({kRtt, 4000, 600}, kStart + milliseconds(4600));
  EXPECT_EQ(loss.packets(), 1000u);
}

TEST(SettledLoss, AShortLineTakesItsTimeToo) {
  SettledLoss loss;
  loss.see({milliseconds(1), 100, 0}, kStart);
  loss.see({milliseconds(1), 200, 50}, kStart + milliseconds(499));
  EXPECT_EQ(loss.packets(), 0u);
  loss.see({milliseconds(1), 300, 50}, kStart + milliseconds(500));
  loss.see({milliseconds(1), 400, 60}, kStart + milliseconds(501));
  EXPECT_EQ(loss.packets(), 100u);
  EXPECT_DOUBLE_EQ(loss.share(), 0.1);
}

TEST(SettledLoss, KnowsNothingBeforeThereArePackets) {
  SettledLoss loss;
  loss.see({kRtt, 0, 0}, kStart);
  loss.see({Duration(0), 10, 0}, kStart);
  loss.see({kRtt, 1000, 0}, kStart + milliseconds(9000));
  EXPECT_EQ(loss.packets(), 0u) << "it began with the first packet";
}

TEST(SettledLoss, AnotherConnectionStartsToo) {
  SettledLoss loss;
  loss.see({kRtt, 100, 0}, kStart);
  loss.see({kRtt, 1000, 300}, kStart + milliseconds(1500));
  loss.see({kRtt, 2000, 400}, kStart + milliseconds(1600));
  EXPECT_EQ(loss.packets(), 1000u);
  loss.see({kRtt, 50, 10}, kStart + milliseconds(1700));
  EXPECT_EQ(loss.packets(), 0u);
  loss.see({kRtt, 1000, 500}, kStart + milliseconds(3200));
  loss.see({kRtt, 2000, 520}, kStart + milliseconds(3300));
  EXPECT_DOUBLE_EQ(loss.share(), 0.02);
}

}  // namespace
}  // namespace causeway
