#include "dpdk-wan/port/neighbour_table.h"

#include <gtest/gtest.h>

#include <vector>

namespace causeway {
namespace {

using namespace std::chrono_literals;

constexpr MacAddress kMac{{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kOtherMac{{2, 0, 0, 0, 0, 2}};

IpAddress host(unsigned number) {
  IpAddress address{{10, 0, 0, 0}, false};
  address.bytes[2] = static_cast<uint8_t>(number >> 8);
  address.bytes[3] = static_cast<uint8_t>(number);
  return address;
}

class NeighbourTableTest : public testing::Test {
 protected:
  std::vector<IpAddress> due() {
    std::array<IpAddress, 4> questions;
    const size_t count = table_.due(now_, questions);
    return {questions.begin(), questions.begin() + count};
  }
  NeighbourTable table_;
  Instant now_ = Instant(1h);
};

TEST_F(NeighbourTableTest, AsksForWhoIsLookedFor) {
  EXPECT_EQ(table_.next_due(), kNever);
  EXPECT_EQ(table_.find(host(1)), nullptr);
  EXPECT_LE(table_.next_due(), now_) << "at once";
  EXPECT_EQ(due(), std::vector{host(1)});
  EXPECT_TRUE(due().empty()) << "not again so soon";
  EXPECT_EQ(table_.next_due(), now_ + 1s);
  table_.learn(host(1), kMac, false, now_);
  ASSERT_NE(table_.find(host(1)), nullptr);
  EXPECT_EQ(*table_.find(host(1)), kMac);
}

TEST_F(NeighbourTableTest, GivesUpAfterThreeQuestionsAndAsksAnew) {
  EXPECT_EQ(table_.find(host(1)), nullptr);
  for (int i = 0; i < 3; ++i, now_ += 1s) {
    EXPECT_EQ(due(), std::vector{host(1)}) << i;
    EXPECT_TRUE(table_.has(host(1)));
  }
  EXPECT_TRUE(due().empty());
  EXPECT_FALSE(table_.has(host(1)));
  EXPECT_EQ(table_.next_due(), kNever);
  EXPECT_EQ(table_.find(host(1)), nullptr);
  EXPECT_EQ(due(), std::vector{host(1)});
}

TEST_F(NeighbourTableTest, AsksAgainForOneInUseAndForgetsAnIdleOne) {
  table_.learn(host(1), kMac, true, now_);
  table_.learn(host(2), kMac, true, now_);
  EXPECT_NE(table_.find(host(1)), nullptr);
  now_ += 29s;
  EXPECT_TRUE(due().empty());
  now_ += 1s;
  EXPECT_EQ(due(), std::vector{host(1)});
  EXPECT_FALSE(table_.has(host(2)));
  EXPECT_NE(table_.find(host(1)), nullptr) << "goes on while it is asked";
  table_.learn(host(1), kOtherMac, false, now_);
  EXPECT_EQ(*table_.find(host(1)), kOtherMac);
}

TEST_F(NeighbourTableTest, ForgetsOneInUseThatAnswersNoMore) {
  table_.learn(host(1), kMac, true, now_);
  now_ += 30s;
  for (int i = 0; i < 3; ++i, now_ += 1s) {
    EXPECT_NE(table_.find(host(1)), nullptr);
    EXPECT_EQ(due(), std::vector{host(1)}) << i;
  }
  EXPECT_TRUE(due().empty());
  EXPECT_EQ(table_.find(host(1)), nullptr);
}

TEST_F(NeighbourTableTest, BelievesNoAnswerToWhatItDidNotAsk) {
  table_.learn(host(1), kMac, false, now_);
  EXPECT_FALSE(table_.has(host(1)));
}

TEST_F(NeighbourTableTest, AFloodPushesOutNobodyInUse) {
  table_.learn(host(1), kMac, true, now_);
  EXPECT_NE(table_.find(host(1)), nullptr);
  for (unsigned i = 2; i < 1000; ++i) {
    table_.learn(host(i), kOtherMac, true, now_);
  }
  ASSERT_NE(table_.find(host(1)), nullptr);
  EXPECT_EQ(*table_.find(host(1)), kMac);
  // Whom we want to reach gets the place of one of them.
  EXPECT_EQ(table_.find(host(2000)), nullptr);
  EXPECT_EQ(due(), std::vector{host(2000)});
}

TEST_F(NeighbourTableTest, FullOfOthersInUseItRefuses) {
  for (unsigned i = 0; i < kNeighboursMax; ++i) {
    EXPECT_EQ(table_.find(host(i)), nullptr);
  }
  EXPECT_EQ(table_.find(host(3000)), nullptr);
  EXPECT_FALSE(table_.has(host(3000)));
}

TEST_F(NeighbourTableTest, WhatHasNoRoomStaysDue) {
  for (unsigned i = 0; i < 10; ++i) (void)table_.find(host(i));
  std::vector<IpAddress> asked;
  while (table_.next_due() <= now_) {
    for (const IpAddress& one : due()) asked.push_back(one);
    ASSERT_LE(asked.size(), 10u);
  }
  EXPECT_EQ(asked.size(), 10u);
}

}  // namespace
}  // namespace causeway
