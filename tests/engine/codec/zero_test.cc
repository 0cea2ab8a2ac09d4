#include "engine/codec/zero.h"

#include <gtest/gtest.h>

#include <vector>

namespace causeway {
namespace {

TEST(Zero, OneByteAnywhereMakesABlockNotZero) {
  std::vector<std::byte> block(kBlockBytes);
  EXPECT_TRUE(is_zero_block(block.data()));
  for (const size_t at : {size_t{0}, size_t{1}, size_t{63}, size_t{64},
                          size_t{2048}, kBlockBytes - 1}) {
    block[at] = std::byte{0x80};
    EXPECT_FALSE(is_zero_block(block.data())) << at;
    block[at] = std::byte{0};
  }
}

TEST(Zero, LeadingRunsAlternate) {
  std::vector<std::byte> blocks(6 * kBlockBytes);
  blocks[2 * kBlockBytes] = std::byte{1};
  blocks[3 * kBlockBytes + 9] = std::byte{1};
  const std::span<const std::byte> all(blocks);
  const ZeroRun first = leading_run(all);
  EXPECT_TRUE(first.zero);
  EXPECT_EQ(first.blocks, 2u);
  const ZeroRun second = leading_run(all.subspan(2 * kBlockBytes));
  EXPECT_FALSE(second.zero);
  EXPECT_EQ(second.blocks, 2u);
  EXPECT_EQ(leading_run(all.subspan(4 * kBlockBytes)).blocks, 2u);
}

}  // namespace
}  // namespace causeway
