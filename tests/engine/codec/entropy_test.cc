#include "engine/codec/entropy.h"

#include <gtest/gtest.h>

#include "engine/codec/deflate.h"
#include "tests/engine/codec/sample_content.h"

namespace causeway {
namespace {

TEST(Entropy, KnowsRandomBlocksFromText) {
  Random random(21);
  for (int i = 0; i < 1000; ++i) {
    const Block block = random_block(random);
    ASSERT_TRUE(looks_random(block.data())) << i;
    ASSERT_FALSE(looks_random(text_block(random).data())) << i;
  }
}

TEST(Entropy, HalfOfABlockIsEnoughToDeflateIt) {
  Random random(22);
  for (const size_t zero_from : {size_t{0}, kBlockBytes / 2}) {
    Block block = random_block(random);
    std::fill_n(block.begin() + zero_from, kBlockBytes / 2, std::byte{0});
    EXPECT_FALSE(looks_random(block.data()));
  }
}

// What is taken for random must not have been worth deflating.
TEST(Entropy, WhatLooksRandomDoesNotDeflate) {
  Random random(23);
  Deflater deflater;
  Block out(kBlockBytes);
  for (int letters = 2; letters <= 256; letters += 2) {
    Block block(kBlockBytes);
    for (std::byte& byte : block) {
      byte = static_cast<std::byte>(random() % letters);
    }
    if (!looks_random(block.data())) continue;
    const auto bytes = deflater.deflate(3, block, out);
    EXPECT_GE(bytes.value_or(kBlockBytes), kBlockBytes * 95 / 100) << letters;
  }
}

// As the lab guests' blocks are, and encrypted pages with a head.
TEST(Entropy, AHeaderOrSomePaddingDoesNotHideTheRandomRest) {
  Random random(24);
  for (const size_t zeros : {48, 96}) {
    for (const size_t at : {size_t{0}, kBlockBytes / 2, kBlockBytes - zeros}) {
      for (int i = 0; i < 200; ++i) {
        Block block = random_block(random);
        std::fill_n(block.begin() + at, zeros / 4, std::byte{0});
        ASSERT_TRUE(looks_random(block.data())) << zeros << " at " << at;
      }
    }
  }
}

TEST(Entropy, EveryByteOfTheSampleIsCounted) {
  const BlockSample sample = sample_block(zero_block().data());
  EXPECT_EQ(sample.pairs, kSameMax * (kSameMax - 1) / 2);
  EXPECT_EQ(sample.excess, kSampleBytes - kSameMax);
}

}  // namespace
}  // namespace causeway
