// Encoding and decoding allocate nothing once set up (design, rule 4). A
// binary of its own: it replaces operator new, and counts malloc's callers by
// it; igzip itself has no allocation.
#include <gtest/gtest.h>

#include "engine/codec/frame_decoder.h"
#include "engine/codec/frame_encoder.h"
#include "tests/contract/allocation_count.h"
#include "tests/engine/codec/sample_content.h"

namespace causeway {
namespace {

class Plain final : public FrameTarget {
 public:
  const std::byte* base(uint64_t, uint64_t) override {
    ++bases;
    return block_.data();
  }
  void look_up(std::span<const ContentDigest>) override {}
  const std::byte* content(uint64_t, const ContentDigest&) override {
    return nullptr;
  }
  bool piece(const ContentPiece&, std::span<std::byte>) override {
    return false;
  }
  const std::byte* copy(const BlockCopy&) override { return nullptr; }
  Status zero(uint64_t, uint32_t) override { return {}; }
  Status place(uint64_t, std::span<const std::byte>) override { return {}; }
  Status missing(uint64_t, BlockMethod) override { return {}; }
  uint64_t bases = 0;

 private:
  Block block_ = zero_block();
};

TEST(CodecAllocation, FramesAreMadeAndTakenApartWithoutAny) {
  Random random(41);
  std::vector<Block> blocks;
  for (int i = 0; i < 64; ++i) {
    blocks.push_back(i % 3 == 0   ? random_block(random)
                     : i % 7 == 0 ? zero_block()
                                  : text_block(random));
  }
  FrameEncoder encoder;
  FrameDecoder decoder;
  SentVersions sent(1u << 20);
  Plain target;
  std::vector<std::byte> out(kFrameBytesMax);
  const std::vector<uint64_t> digests(64, 5);

  const uint64_t before = allocations.load();
  for (Version version = 1; version <= 20; ++version) {
    for (uint64_t i = 0; i < 64; ++i) {
      blocks[i][version] = std::byte{9};
      encoder.take(i * 2, blocks[i]);
    }
    const auto bytes = encoder.encode(
        {0, version, static_cast<int>(version % 4), digests, digests, &sent},
        out);
    ASSERT_TRUE(bytes);
    ASSERT_TRUE(
        decoder.decode(encoder.span(), std::span(out).first(*bytes), target));
  }
  EXPECT_EQ(allocations.load() - before, 0u);
  EXPECT_GT(target.bases, 0u);
}

}  // namespace
}  // namespace causeway
