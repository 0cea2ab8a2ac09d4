#include "engine/policy/congestion_choice.h"

#include <gtest/gtest.h>

namespace causeway {
namespace {

TEST(CongestionChoice, IsBbr2UnlessTheLineIsKnownToLoseMuch) {
  EXPECT_EQ(choose_congestion({}).name, "bbr2");
  EXPECT_EQ(choose_congestion({0.0}).name, "bbr2");
  EXPECT_EQ(choose_congestion({kBbr2LossMax}).name, "bbr2");
  EXPECT_EQ(choose_congestion({0.03}).name, "bbr");
  EXPECT_EQ(choose_congestion({1.0}).name, "bbr");
}

TEST(CongestionChoice, SaysWhy) {
  EXPECT_NE(choose_congestion({0.05}).why.find("5.0 %"), std::string::npos);
  EXPECT_NE(choose_congestion({}).why.find("nothing is known"),
            std::string::npos);
}

TEST(CongestionChoice, SecondThoughtsComeWhereTheyAreWorthIt) {
  CongestionTrial seen;
  seen.rtt = std::chrono::milliseconds(200);
  seen.loss = 0.05;
  seen.packets = 2000;
  seen.sent_bytes = 50u << 20;
  seen.remaining_bytes = 200u << 20;
  const auto why = why_begin_anew(seen);
  ASSERT_TRUE(why);
  EXPECT_NE(why->find("5.0 %"), std::string::npos) << *why;
  const auto without = [&](auto change) {
    CongestionTrial other = seen;
    change(other);
    return why_begin_anew(other);
  };
  EXPECT_FALSE(without([](auto& at) { at.rtt = kTrialRttMin - Duration(1); }));
  EXPECT_FALSE(without([](auto& at) { at.loss = kTrialLossMin; }));
  EXPECT_FALSE(without([](auto& at) { at.packets = kTrialPacketsMin - 1; }));
  EXPECT_FALSE(without([](auto& at) { at.remaining_bytes = at.sent_bytes; }));
  // What it has learnt then is enough for the choice.
  EXPECT_EQ(choose_congestion({kTrialLossMin}).name, "bbr");
}

}  // namespace
}  // namespace causeway
