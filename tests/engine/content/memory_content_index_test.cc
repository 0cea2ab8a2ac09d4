#include "engine/content/memory_content_index.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/contract/content_index_contract.h"

namespace causeway {
namespace {

class MemoryLab final : public ContentIndexLab {
 public:
  ContentIndex& index() override { return index_; }

 private:
  MemoryContentIndex index_{2 << 20};
};

INSTANTIATE_TEST_SUITE_P(
    Memory, ContentIndexContract,
    testing::Values([]() -> Result<std::unique_ptr<ContentIndexLab>> {
      return std::unique_ptr<ContentIndexLab>(new MemoryLab);
    }));

constexpr uint64_t kTableBytes = 1 << 20;

class MemoryIndex : public testing::Test {
 protected:
  void SetUp() override {
    const auto id = index_.add_source({ContentKind::kFile, "/a"});
    ASSERT_TRUE(id);
    file_ = *id;
  }
  ContentPlace place(uint64_t number) const {
    return {file_, number * kBlockBytes};
  }
  void put(uint64_t from, uint64_t end) {
    for (uint64_t at = from; at < end; at += kContentBatchMax) {
      std::vector<ContentEntry> entries;
      for (uint64_t i = at; i < std::min(end, at + kContentBatchMax); ++i) {
        entries.push_back({digest_of(i), place(i)});
      }
      ASSERT_TRUE(index_.put(entries));
    }
  }
  uint64_t found(uint64_t from, uint64_t end) {
    uint64_t count = 0;
    for (uint64_t i = from; i < end; ++i) {
      const std::array<ContentDigest, 1> digests{digest_of(i)};
      std::array<std::optional<ContentPlace>, 1> places;
      EXPECT_TRUE(index_.find(digests, places));
      if (places[0] == place(i)) ++count;
    }
    return count;
  }

  MemoryContentIndex index_{kTableBytes};
  ContentSourceId file_ = 0;
};

TEST_F(MemoryIndex, TakesAtMostTwelveBytesABlockAndLosesNoneUntilThen) {
  const uint64_t blocks = index_.blocks_max();
  put(0, blocks);
  EXPECT_GE(found(0, blocks), blocks - 5);
  const auto stats = index_.stats();
  EXPECT_LE(stats->memory_bytes, kTableBytes);
  EXPECT_LE(stats->memory_bytes, 12 * stats->blocks);
}

TEST_F(MemoryIndex, ForgetsOldOnesWhenFullAndTakesNewOnes) {
  const uint64_t blocks = index_.blocks_max();
  put(0, 10 * blocks);
  EXPECT_LE(index_.stats()->blocks, kTableBytes / 8);
  EXPECT_LE(index_.stats()->memory_bytes, kTableBytes);
  // What came last is there; a few of it gave way at once.
  EXPECT_GE(found(10 * blocks - 1000, 10 * blocks), 970u);
  EXPECT_LE(found(0, 1000), 50u);
}

TEST_F(MemoryIndex, RefusesMoreChunksThanItCanName) {
  std::vector<ContentEntry> entries;
  const auto flush = [&] {
    const Status status = index_.put(entries);
    entries.clear();
    return status;
  };
  for (uint64_t chunk = 0; chunk < kContentChunksMax; ++chunk) {
    entries.push_back({digest_of(0), {file_, chunk * kContentChunkBytes}});
    if (entries.size() == kContentBatchMax) {
      ASSERT_TRUE(flush()) << chunk;
    }
  }
  ASSERT_TRUE(flush());
  entries = {{digest_of(1), {file_, kContentChunksMax * kContentChunkBytes}},
             {digest_of(2), {file_, 512}}};
  const Status full = flush();
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kNoSpace);
  const std::array asked{digest_of(0), digest_of(1), digest_of(2)};
  std::array<std::optional<ContentPlace>, 3> places;
  ASSERT_TRUE(index_.find(asked, places));
  EXPECT_EQ(places[0], (ContentPlace{file_, (kContentChunksMax - 1) *
                                                kContentChunkBytes}));
  EXPECT_FALSE(places[1]);
  EXPECT_EQ(places[2], (ContentPlace{file_, 512}));
  // Another source's chunks take the place of an erased one's.
  ASSERT_TRUE(index_.erase(file_));
  EXPECT_EQ(index_.stats()->blocks, 0u);
  file_ = *index_.add_source({ContentKind::kFile, "/b"});
  put(0, 100);
  EXPECT_EQ(found(0, 100), 100u);
}

TEST(MemoryIndexOfOneBucket, IsAnIndex) {
  MemoryContentIndex index(0);
  const ContentSourceId file = *index.add_source({ContentKind::kFile, "/a"});
  for (uint64_t i = 0; i < 100; ++i) {
    const std::array<ContentEntry, 1> entry{{{digest_of(i), {file, i * 512}}}};
    ASSERT_TRUE(index.put(entry));
    const std::array<ContentDigest, 1> digests{digest_of(i)};
    std::array<std::optional<ContentPlace>, 1> places;
    ASSERT_TRUE(index.find(digests, places));
    EXPECT_EQ(places[0], (ContentPlace{file, i * 512}));
  }
  EXPECT_EQ(index.stats()->blocks, 8u);
}

}  // namespace
}  // namespace causeway
