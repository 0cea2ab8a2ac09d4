#include "engine/content/digest_table.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <thread>
#include <vector>

#include "engine/content/digest.h"
#include "engine/content/digest_kernel.h"

namespace causeway {
namespace {

TEST(Digest, ZeroBlocksHaveTheZeroDigestAndNoOtherHas) {
  std::array<std::byte, kBlockBytes> block{};
  EXPECT_EQ(digest_any_block(block.data(), 7), kZeroDigest);
  block[kBlockBytes - 1] = std::byte{1};
  EXPECT_NE(digest_any_block(block.data(), 7), kZeroDigest);
  EXPECT_NE(digest_any_block(block.data(), 7),
            digest_any_block(block.data(), 8));
}

// The ends of a migration may have different vector units.
TEST(Digest, EveryVectorUnitGivesTheSameValue) {
  std::array<std::byte, kBlockBytes> block;
  std::mt19937_64 random(1);
  for (auto& byte : block) byte = static_cast<std::byte>(random());
  const uint64_t expected = digest_kernel_sse2(block.data(), 5);
  if (__builtin_cpu_supports("avx2")) {
    EXPECT_EQ(digest_kernel_avx2(block.data(), 5), expected);
  }
  if (__builtin_cpu_supports("avx512f")) {
    EXPECT_EQ(digest_kernel_avx512(block.data(), 5), expected);
  }
  EXPECT_EQ(digest_block(block.data(), 5), expected);
}

TEST(DigestTable, TheRootDependsOnContentAndPlaceNotOnOrder) {
  DigestTable a(100);
  DigestTable b(100);
  const std::array<uint64_t, 2> first{11, 22};
  const std::array<uint64_t, 1> other{33};
  a.set(5, first);
  a.set(90, other);
  b.set(90, other);
  b.set(5, other);  // overwritten: leaves no trace
  b.set(5, first);
  EXPECT_EQ(a.root(), b.root());
  const std::array<uint64_t, 2> swapped{22, 11};
  b.set(5, swapped);
  EXPECT_NE(a.root(), b.root());
  a.set_zero(0, 100);
  EXPECT_EQ(a.root(), 0u);
}

TEST(DigestTable, WorkersOnDistinctBlocksLoseNoChange) {
  constexpr uint64_t kBlocks = 20000;
  DigestTable together(kBlocks);
  DigestTable alone(kBlocks);
  const auto fill = [](DigestTable& table, uint64_t from, uint64_t step) {
    for (uint64_t block = from; block < kBlocks; block += step) {
      const std::array<uint64_t, 1> digest{block * 31 + 1};
      table.set(block, digest);
    }
  };
  fill(alone, 0, 1);
  std::thread even([&] { fill(together, 0, 2); });
  fill(together, 1, 2);
  even.join();
  EXPECT_EQ(together.root(), alone.root());
}

}  // namespace
}  // namespace causeway
