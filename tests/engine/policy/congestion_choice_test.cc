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

}  // namespace
}  // namespace causeway
