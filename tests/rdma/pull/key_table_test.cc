#include "rdma/pull/key_table.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace causeway {
namespace {

constexpr uint64_t kWindow = kRdmaExtentBytesMax / kBlockBytes;

RdmaKey lent(const BlockRange& extent) { return {extent, true, 0x10000, 7}; }
RdmaKey hole(const BlockRange& extent) { return {extent, false, 0, 0, true}; }
RdmaKey refused(const BlockRange& extent) { return {extent, false, 0, 0}; }

std::vector<RdmaRecord> taken(std::vector<RdmaRecord>& errands) {
  return std::exchange(errands, {});
}

TEST(KeyTableTest, AWindowIsAskedForOnce) {
  KeyTable keys;
  keys.want(0, 3);
  keys.want(0, kWindow - 1);
  keys.want(0, kWindow);
  keys.want(1, 3);
  const auto errands = taken(keys.errands());
  ASSERT_EQ(errands.size(), 3u);
  EXPECT_EQ(errands[0].extent, (BlockRange{0, 3, 1}));
  EXPECT_EQ(errands[1].extent, (BlockRange{0, kWindow, 1}));
  EXPECT_EQ(errands[2].extent, (BlockRange{1, 3, 1}));
  // Answered with another run: the rest may be asked for.
  EXPECT_EQ(keys.take_key(lent({0, 2, 5})).value(), KeyTable::Taken::kKnown);
  keys.want(0, kWindow - 1);
  EXPECT_EQ(keys.errands().size(), 1u);
}

TEST(KeyTableTest, FindsWhatHasTheBlockAndNothingElse) {
  KeyTable keys;
  keys.want(1, 12);
  ASSERT_TRUE(keys.take_key(lent({1, 10, 5})));
  keys.want(1, 15);
  ASSERT_TRUE(keys.take_key(hole({1, 15, 2})));
  EXPECT_EQ(keys.find(1, 9), nullptr);
  ASSERT_NE(keys.find(1, 14), nullptr);
  EXPECT_FALSE(keys.find(1, 14)->hole);
  ASSERT_NE(keys.find(1, 15), nullptr);
  EXPECT_TRUE(keys.find(1, 15)->hole);
  EXPECT_EQ(keys.find(1, 17), nullptr);
  EXPECT_EQ(keys.find(0, 12), nullptr);
  EXPECT_EQ(keys.find(2, 12), nullptr);
  EXPECT_EQ(keys.lent_bytes(), 5 * kBlockBytes);
}

// A source is not believed.
TEST(KeyTableTest, AKeyThatIsNoAnswerIsRefused) {
  for (const BlockRange& wrong :
       {BlockRange{0, 601, 10}, BlockRange{0, 590, 10}, BlockRange{1, 600, 1},
        BlockRange{0, 500, 200}, BlockRange{0, 600, kWindow},
        BlockRange{0, 530, 100}, BlockRange{0, 600, 60}}) {
    KeyTable keys;
    for (const uint64_t block : {540u, 650u}) {
      keys.want(0, block);
      ASSERT_TRUE(keys.take_key(lent({0, block, 2})));
    }
    keys.want(0, 600);
    const auto took = keys.take_key(lent(wrong));
    ASSERT_FALSE(took) << wrong.first << "+" << wrong.count;
    EXPECT_EQ(took.error().code, ErrorCode::kPeerBroken);
  }
  KeyTable keys;
  EXPECT_EQ(keys.take_key(lent({0, 0, 1})).error().code,
            ErrorCode::kPeerBroken);
}

TEST(KeyTableTest, TheLongestUnusedMakesRoomForWhatIsRefused) {
  KeyTable keys;
  for (uint64_t window = 0; window < 3; ++window) {
    keys.want(0, window * kWindow);
    ASSERT_TRUE(keys.take_key(lent({0, window * kWindow, kWindow})));
  }
  keys.find(0, 0);
  LentKey* busy = keys.find(0, kWindow);
  keys.read_begun(*busy);
  keys.find(0, 0);
  keys.want(0, 3 * kWindow);
  taken(keys.errands());
  keys.want(0, 4 * kWindow);
  EXPECT_EQ(keys.take_key(refused({0, 3 * kWindow, 1})).value(),
            KeyTable::Taken::kLater);
  keys.want(0, 3 * kWindow);
  // What waits to be asked for comes after what makes room for it.
  const auto errands = taken(keys.errands());
  ASSERT_EQ(errands.size(), 3u);
  EXPECT_EQ(errands[0].kind, RecordKind::kDrop);
  EXPECT_EQ(errands[0].extent, (BlockRange{0, 2 * kWindow, kWindow}));
  EXPECT_EQ(errands[1].extent, (BlockRange{0, 4 * kWindow, 1}));
  EXPECT_EQ(errands[2].extent, (BlockRange{0, 3 * kWindow, 1}));
  EXPECT_EQ(keys.find(0, 2 * kWindow), nullptr);
  EXPECT_EQ(keys.lent_bytes(), 2 * kRdmaExtentBytesMax);
}

TEST(KeyTableTest, WhatIsBusyIsWaitedForAndThenGivenBack) {
  KeyTable keys;
  keys.want(0, 0);
  ASSERT_TRUE(keys.take_key(lent({0, 0, 4})));
  LentKey* busy = keys.find(0, 0);
  keys.read_begun(*busy);
  keys.want(0, kWindow);
  taken(keys.errands());
  EXPECT_EQ(keys.take_key(refused({0, kWindow, 1})).value(),
            KeyTable::Taken::kLater);
  keys.want(0, kWindow);
  EXPECT_TRUE(keys.errands().empty()) << "asks while it can only be refused";
  keys.read_done(*busy);
  keys.want(0, kWindow);
  EXPECT_EQ(keys.errands().size(), 1u);
  EXPECT_EQ(keys.take_key(refused({0, kWindow, 1})).value(),
            KeyTable::Taken::kLater);
  EXPECT_EQ(keys.lent_bytes(), 0u);
  keys.want(0, kWindow);
  taken(keys.errands());
  EXPECT_EQ(keys.take_key(refused({0, kWindow, 1})).value(),
            KeyTable::Taken::kRefused);
}

// The second was refused before the source could know of the first's room.
TEST(KeyTableTest, RefusalsOfOneAnswerAreNotTheLastWord) {
  KeyTable keys;
  keys.want(0, 0);
  ASSERT_TRUE(keys.take_key(lent({0, 0, kWindow})));
  keys.want(0, kWindow);
  keys.want(0, 2 * kWindow);
  taken(keys.errands());
  for (const uint64_t window : {1u, 2u}) {
    EXPECT_EQ(keys.take_key(refused({0, window * kWindow, 1})).value(),
              KeyTable::Taken::kLater);
  }
}

// A guest of holes: what is known of it is bounded.
TEST(KeyTableTest, TheOldestIsForgottenWhenThereAreTooMany) {
  KeyTable keys;
  for (uint64_t i = 0; i <= kRdmaExtentsMax; ++i) {
    keys.want(0, i * kWindow);
    ASSERT_TRUE(keys.take_key(hole({0, i * kWindow, kWindow})));
  }
  EXPECT_EQ(keys.find(0, 0), nullptr);
  EXPECT_NE(keys.find(0, kWindow), nullptr);
  EXPECT_NE(keys.find(0, kRdmaExtentsMax * kWindow), nullptr);
}

}  // namespace
}  // namespace causeway
