#include "engine/codec/delta.h"

#include <gtest/gtest.h>

#include "tests/engine/codec/sample_content.h"

namespace causeway {
namespace {

TEST(Delta, RoundTripsForAnyNumberOfChangedWords) {
  Random random(11);
  for (size_t words = 0; words <= kDeltaRandomWordsMax; words += 7) {
    const Block base = random_block(random);
    Block block = base;
    for (size_t i = 0; i < words; ++i) {
      const size_t at = (i * 8 * 11 + 24) % kBlockBytes;
      block[at + i % 8] ^= std::byte{1};
    }
    Block delta(kBlockBytes);
    const size_t bytes = encode_delta(block.data(), base.data(),
                                      kDeltaRandomWordsMax, delta.data());
    ASSERT_EQ(bytes, kDeltaMaskBytes + words * 8);
    // Behind it lies the next one: the length is told from the front.
    ASSERT_EQ(delta_bytes(delta), bytes);
    ASSERT_EQ(delta_bytes(std::span(delta).first(bytes)), bytes);
    ASSERT_EQ(delta_bytes(std::span(delta).first(bytes - 1)), 0u);
    Block made = base;
    apply_delta(std::span(delta).first(bytes), made.data());
    ASSERT_EQ(made, block) << words;
  }
}

TEST(Delta, SaysWhenTooMuchChanged) {
  Random random(12);
  const Block base = random_block(random);
  Block block = base;
  for (size_t word = 0; word < 10; ++word) block[word * 400] ^= std::byte{1};
  Block delta(kBlockBytes);
  EXPECT_EQ(encode_delta(block.data(), base.data(), 9, delta.data()), 0u);
  EXPECT_NE(encode_delta(block.data(), base.data(), 10, delta.data()), 0u);
  const Block other = random_block(random);
  EXPECT_EQ(encode_delta(other.data(), base.data(), kDeltaRandomWordsMax,
                         delta.data()),
            0u);
}

TEST(Delta, NothingWritesBeyondABlock) {
  Random random(13);
  const Block base = random_block(random);
  Block block = random_block(random);
  std::copy_n(base.begin(), (kDeltaWords - kDeltaRandomWordsMax) * 8,
              block.begin());
  Block delta(kBlockBytes + 64, std::byte{0x5a});
  ASSERT_NE(encode_delta(block.data(), base.data(), kDeltaRandomWordsMax,
                         delta.data()),
            0u);
  for (size_t i = kBlockBytes; i < delta.size(); ++i) {
    ASSERT_EQ(delta[i], std::byte{0x5a});
  }
}

}  // namespace
}  // namespace causeway
