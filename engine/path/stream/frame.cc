#include "engine/path/stream/frame.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

#include "engine/base/assert.h"
#include "engine/base/limits.h"
#include "engine/base/little_endian.h"

namespace causeway {
namespace {

constexpr uint32_t kFrameMagic = 0x50'46'57'43;  // "CWFP"
constexpr uint32_t kAckMagic = 0x41'46'57'43;    // "CWFA"
constexpr uint8_t kFenceKind = 3;
constexpr size_t kSequenceAt = 28;
constexpr size_t kCheckAt = 36;
constexpr uint64_t kBlocksMax = kRegionBytesMax / kBlockBytes;

uint32_t head_check(const std::byte* head) {
  return static_cast<uint32_t>(XXH3_64bits(head, kCheckAt));
}

uint32_t ack_check(FenceId fence) {
  std::byte covered[12];
  store_le(covered, kAckMagic);
  store_le(covered + 4, fence);
  return static_cast<uint32_t>(XXH3_64bits(covered, sizeof covered));
}

template <typename... Args>
Error broken(fmt::format_string<Args...> format, Args&&... args) {
  return make_error(ErrorCode::kPeerBroken, format,
                    std::forward<Args>(args)...);
}

Result<Frame> decode_fence(const std::byte* head) {
  const auto fence = load_le<uint64_t>(head + 16);
  const bool rest_is_zero = load_le<uint16_t>(head + 6) == 0 &&
                            load_le<uint64_t>(head + 8) == 0 &&
                            load_le<uint32_t>(head + 24) == 0 &&
                            load_le<uint64_t>(head + kSequenceAt) == 0;
  if (fence == 0 || !rest_is_zero) {
    return broken("A fence frame has number {} and fields that are not 0.",
                  fence);
  }
  return Frame{fence, {}};
}

bool payload_fits(const PutHead& put) {
  if (put.payload_bytes > kPutBytesMax) return false;
  switch (put.kind) {
    case PutKind::kRaw:
      return put.payload_bytes == put.blocks * kBlockBytes;
    case PutKind::kZero:
      return put.payload_bytes == 0;
    case PutKind::kEncoded:
      return put.payload_bytes > 0;
    case PutKind::kStripeFence:
      return false;
  }
  return false;
}

Result<Frame> check_stripe_fence(const PutHead& put) {
  const bool rest_is_zero = put.region == 0 && put.version == 0 &&
                            put.blocks == 0 && put.payload_bytes == 0;
  if (put.first_block == 0 || put.sequence == 0 || !rest_is_zero) {
    return broken("A striped fence has number {}, sequence {}, other fields.",
                  put.first_block, put.sequence);
  }
  return Frame{0, put};
}

Result<Frame> check_put(const PutHead& put) {
  if (put.kind == PutKind::kStripeFence) return check_stripe_fence(put);
  if (put.blocks == 0) return broken("A put has no blocks.");
  if (put.first_block >= kBlocksMax ||
      put.blocks > kBlocksMax - put.first_block) {
    return broken("A put of {} blocks at block {} lies beyond any region.",
                  put.blocks, put.first_block);
  }
  if (!payload_fits(put)) {
    return broken(
        "A put of {} blocks and kind {} has {} bytes of payload (at most {}).",
        put.blocks, static_cast<int>(put.kind), put.payload_bytes,
        kPutBytesMax);
  }
  return Frame{0, put};
}

}  // namespace

void encode_put(const PutHead& put, FrameHeadSpan out) {
  std::byte* head = out.data();
  store_le(head, kFrameMagic);
  store_le(head + 4, static_cast<uint16_t>(put.kind));  // and the reserved byte
  store_le(head + 6, put.region);
  store_le(head + 8, put.version);
  store_le(head + 12, put.blocks);
  store_le(head + 16, put.first_block);
  store_le(head + 24, put.payload_bytes);
  store_le(head + kSequenceAt, put.sequence);
  store_le(head + kCheckAt, head_check(head));
}

void encode_fence(FenceId fence, FrameHeadSpan out) {
  CAUSEWAY_ASSERT(fence != 0);
  std::byte* head = out.data();
  std::fill(out.begin(), out.end(), std::byte{0});
  store_le(head, kFrameMagic);
  store_le(head + 4, kFenceKind);
  store_le(head + 16, fence);
  store_le(head + kCheckAt, head_check(head));
}

void encode_fence_ack(FenceId fence, FenceAckSpan out) {
  store_le(out.data(), kAckMagic);
  store_le(out.data() + 4, ack_check(fence));
  store_le(out.data() + 8, fence);
}

Result<Frame> decode_frame(FrameHeadView view) {
  const std::byte* head = view.data();
  if (load_le<uint32_t>(head) != kFrameMagic ||
      load_le<uint32_t>(head + kCheckAt) != head_check(head)) {
    return broken("Bytes that are no frame came on a bulk stream.");
  }
  const auto kind = load_le<uint8_t>(head + 4);
  if (load_le<uint8_t>(head + 5) != 0) {
    return broken("The reserved byte of a frame is not 0.");
  }
  if (kind == kFenceKind) return decode_fence(head);
  if (kind != static_cast<uint8_t>(PutKind::kRaw) &&
      kind != static_cast<uint8_t>(PutKind::kZero) &&
      kind != static_cast<uint8_t>(PutKind::kEncoded) &&
      kind != static_cast<uint8_t>(PutKind::kStripeFence)) {
    return broken("A frame has the unknown kind {}.", kind);
  }
  PutHead put;
  put.kind = static_cast<PutKind>(kind);
  put.region = load_le<uint16_t>(head + 6);
  put.version = load_le<uint32_t>(head + 8);
  put.blocks = load_le<uint32_t>(head + 12);
  put.first_block = load_le<uint64_t>(head + 16);
  put.payload_bytes = load_le<uint32_t>(head + 24);
  put.sequence = load_le<uint64_t>(head + kSequenceAt);
  return check_put(put);
}

Result<FenceId> decode_fence_ack(FenceAckView view) {
  const auto fence = load_le<uint64_t>(view.data() + 8);
  if (load_le<uint32_t>(view.data()) != kAckMagic ||
      load_le<uint32_t>(view.data() + 4) != ack_check(fence)) {
    return broken("Bytes that are no acknowledgement came on a bulk stream.");
  }
  return fence;
}

}  // namespace causeway
