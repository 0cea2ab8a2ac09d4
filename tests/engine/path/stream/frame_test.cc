#include "engine/path/stream/frame.h"

#include <gtest/gtest.h>

#include <array>

#include "engine/base/limits.h"

namespace causeway {
namespace {

using Head = std::array<std::byte, kFrameHeadBytes>;

constexpr uint64_t kLastBlock = kRegionBytesMax / kBlockBytes;

Head encoded(const PutHead& put) {
  Head head;
  encode_put(put, head);
  return head;
}

ErrorCode refusal(const PutHead& put) {
  auto frame = decode_frame(encoded(put));
  return frame ? ErrorCode::kInternal : frame.error().code;
}

TEST(Frame, PutsComeBackAsTheyWent) {
  const std::array puts{
      PutHead{PutKind::kRaw, 0, 1, 0, 1, 4096},
      PutHead{PutKind::kRaw, 65535, UINT32_MAX, kLastBlock - 64, 64,
              kPutBytesMax},
      PutHead{PutKind::kZero, 3, 7, 1u << 30, 1, 0},
      PutHead{PutKind::kEncoded, 3, 7, 1u << 30, 1, 1},
      PutHead{PutKind::kEncoded, 3, 7, 0, 1u << 30, kPutBytesMax},
      PutHead{PutKind::kZero, 0, 1, 0, UINT32_MAX, 0},
  };
  for (const PutHead& put : puts) {
    auto frame = decode_frame(encoded(put));
    ASSERT_TRUE(frame) << frame.error().message;
    EXPECT_EQ(frame->fence, 0u);
    EXPECT_EQ(frame->put, put);
  }
}

TEST(Frame, LiesInMemoryAsTheHeaderDrawsIt) {
  const Head head =
      encoded({PutKind::kRaw, 0x0201, 0x06050403, 0x1122334455, 2, 8192});
  const std::array<uint8_t, 28> expected{
      'C',  'W',  'F', 'P', 1, 0,    0x01, 0x02, 0x03, 0x04,
      0x05, 0x06, 2,   0,   0, 0,    0x55, 0x44, 0x33, 0x22,
      0x11, 0,    0,   0,   0, 0x20, 0,    0};
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(static_cast<uint8_t>(head[i]), expected[i]) << "byte " << i;
  }
}

TEST(Frame, FencesComeBackAsTheyWent) {
  Head head;
  encode_fence(UINT64_MAX, head);
  auto frame = decode_frame(head);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->fence, UINT64_MAX);

  std::array<std::byte, kFenceAckBytes> ack;
  encode_fence_ack(42, ack);
  EXPECT_EQ(decode_fence_ack(ack).value(), 42u);
}

TEST(Frame, AnyFlippedBitIsFound) {
  const Head good = encoded({PutKind::kRaw, 1, 2, 3, 4, 4 * 4096});
  for (size_t bit = 0; bit < 8 * kFrameHeadBytes; ++bit) {
    Head head = good;
    head[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_FALSE(decode_frame(head)) << "bit " << bit;
  }
  std::array<std::byte, kFenceAckBytes> good_ack;
  encode_fence_ack(42, good_ack);
  for (size_t bit = 0; bit < 8 * kFenceAckBytes; ++bit) {
    auto ack = good_ack;
    ack[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_FALSE(decode_fence_ack(ack)) << "bit " << bit;
  }
}

// Well-formed, but not to be believed.
TEST(Frame, HeadsThatPromiseTheImpossibleAreRefused) {
  const auto broken = ErrorCode::kPeerBroken;
  EXPECT_EQ(refusal({PutKind::kRaw, 0, 1, 0, 0, 0}), broken);
  EXPECT_EQ(refusal({PutKind::kRaw, 0, 1, 0, 1, 4095}), broken);
  EXPECT_EQ(refusal({PutKind::kRaw, 0, 1, 0, 65, 65 * 4096}), broken);
  // 2^20 blocks are 2^32 bytes, which is 0 in 32 bits.
  EXPECT_EQ(refusal({PutKind::kRaw, 0, 1, 0, 1u << 20, 0}), broken);
  EXPECT_EQ(refusal({PutKind::kZero, 0, 1, 0, 1, 4096}), broken);
  EXPECT_EQ(refusal({PutKind::kEncoded, 0, 1, 0, 1, 0}), broken);
  EXPECT_EQ(refusal({PutKind::kEncoded, 0, 1, 0, 1, kPutBytesMax + 1}), broken);
  EXPECT_EQ(refusal({PutKind::kZero, 0, 1, kLastBlock, 1, 0}), broken);
  EXPECT_EQ(refusal({PutKind::kZero, 0, 1, UINT64_MAX, 2, 0}), broken);
  EXPECT_EQ(refusal({static_cast<PutKind>(0), 0, 1, 0, 1, 0}), broken);
  EXPECT_EQ(refusal({static_cast<PutKind>(9), 0, 1, 0, 1, 0}), broken);
}

}  // namespace
}  // namespace causeway
