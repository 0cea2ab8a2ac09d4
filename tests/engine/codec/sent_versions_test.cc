#include "engine/codec/sent_versions.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "tests/engine/codec/sample_content.h"

namespace causeway {
namespace {

// The content of a block says which block and version it is.
Block content(uint64_t block, Version version) {
  Random random(block << 20 | version);
  return random_block(random);
}
uint64_t digest(uint64_t block, Version version) {
  return block << 20 | version;
}

class SentVersionsTest : public testing::Test {
 protected:
  bool found(SentVersions& sent, RegionId region, uint64_t block,
             Version version) {
    if (!sent.find(region, block, digest(block, version), out_)) return false;
    EXPECT_TRUE(
        std::equal(out_.begin(), out_.end(), content(block, version).begin()));
    return true;
  }
  static void note(SentVersions& sent, RegionId region, uint64_t block,
                   Version version) {
    sent.note(region, block, version, digest(block, version),
              content(block, version).data());
  }
  std::array<std::byte, kBlockBytes> out_;
};

TEST_F(SentVersionsTest, FindsWhatWasNotedLast) {
  SentVersions sent(1 << 20);
  note(sent, 0, 5, 1);
  note(sent, 1, 5, 2);
  EXPECT_TRUE(found(sent, 0, 5, 1));
  EXPECT_TRUE(found(sent, 1, 5, 2));
  EXPECT_FALSE(found(sent, 0, 6, 1));
  note(sent, 0, 5, 3);
  EXPECT_TRUE(found(sent, 0, 5, 3));
  EXPECT_FALSE(found(sent, 0, 5, 1));  // out of date
}

TEST_F(SentVersionsTest, KeepsWithinItsMemory) {
  constexpr uint64_t kBytes = 4u << 20;
  SentVersions sent(kBytes);
  EXPECT_LE(sent.memory_bytes(), kBytes);
  EXPECT_GT(sent.memory_bytes(), kBytes * 9 / 10);
  for (uint64_t block = 0; block < 4 * sent.blocks_max(); ++block) {
    note(sent, 0, block, 1);
  }
  uint64_t hits = 0;
  for (uint64_t block = 0; block < 4 * sent.blocks_max(); ++block) {
    hits += found(sent, 0, block, 1) ? 1 : 0;
  }
  EXPECT_LE(hits, sent.blocks_max());
  EXPECT_GT(hits, sent.blocks_max() * 9 / 10);
}

TEST_F(SentVersionsTest, TooLittleMemoryRemembersNothing) {
  SentVersions sent(1000);
  note(sent, 0, 1, 1);
  EXPECT_FALSE(found(sent, 0, 1, 1));
  EXPECT_EQ(sent.memory_bytes(), 0u);
}

// Rounds over a hot set twice as large as the cache: least-recently-used
// would find nothing at all.
TEST_F(SentVersionsTest, KeepsAPartOfWhatDoesNotFit) {
  SentVersions sent(4u << 20);
  const uint64_t hot = 2 * sent.blocks_max();
  uint64_t hits = 0;
  constexpr Version kRounds = 8;
  for (Version version = 1; version <= kRounds; ++version) {
    for (uint64_t block = 0; block < hot; ++block) {
      hits += version > 1 && found(sent, 0, block, version - 1) ? 1 : 0;
      note(sent, 0, block, version);
    }
  }
  EXPECT_GT(hits, hot * (kRounds - 1) / 5);
}

// What went from where it lies may have been newer than its digest.
TEST_F(SentVersionsTest, WhatCameBeforeAPutInPlaceIsNoBase) {
  SentVersions sent(1 << 20);
  note(sent, 0, 1, 3);
  sent.sent_in_place(3);  // in the same round, of another block
  EXPECT_TRUE(found(sent, 0, 1, 3));
  sent.sent_in_place(4);
  EXPECT_FALSE(found(sent, 0, 1, 3));
  note(sent, 0, 1, 4);
  EXPECT_TRUE(found(sent, 0, 1, 4));
  sent.sent_in_place(2);  // a late word changes nothing
  EXPECT_TRUE(found(sent, 0, 1, 4));
}

TEST_F(SentVersionsTest, ThreadsNeverFindHalfOfABlock) {
  SentVersions sent(40'000);  // one set: they all meet in it
  const auto work = [&](uint64_t first) {
    std::array<std::byte, kBlockBytes> out;
    for (Version version = 1; version < 3000; ++version) {
      const uint64_t block = first + version % 3;
      const Block bytes(kBlockBytes, static_cast<std::byte>(version));
      sent.note(0, block, version, version, bytes.data());
      const uint64_t other = version % 6;
      if (sent.find(0, other, version, out)) {
        ASSERT_EQ(out.front(), static_cast<std::byte>(version));
        ASSERT_TRUE(std::equal(out.begin() + 1, out.end(), out.begin()));
      }
    }
  };
  std::thread other(work, 0);
  work(3);
  other.join();
}

}  // namespace
}  // namespace causeway
