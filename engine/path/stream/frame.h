// The frames of a bulk stream, and the acknowledgements that come back on it.
// Integers are little-endian.
//
//   0       4    5   6      8         12       16            24
//   +-------+----+---+------+---------+--------+-------------+----------
//   | magic |kind| 0 |region| version | blocks | first block | payload
//   +-------+----+---+------+---------+--------+-------------+----------
//      28         36      40
//   ---+----------+-------+
//      | sequence | check |
//   ---+----------+-------+
//   then `payload` bytes: the blocks as they are (kind raw), none (zero), or
//   what the codecs made of them (encoded)
//
//   sequence: of a striped channel's records (engine/path/stripe), else 0
//   fence: kind 3, its number in the place of the first block, the rest 0
//   striped fence: kind 5, the same, and a sequence
//
//   0       4       8            16
//   +-------+-------+-------------+
//   | magic | check | fence id    |   all puts before the fence have landed
//   +-------+-------+-------------+
//
// check: the low half of XXH3-64 over the head without it (the ack: over the
// magic and the id). It finds a stream that is out of step; it is no defence.
// Pure functions; decoding treats every byte as hostile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/result.h"
#include "engine/path/put.h"

namespace causeway {

inline constexpr size_t kFrameHeadBytes = 40;
inline constexpr size_t kFenceAckBytes = 16;

using FrameHeadSpan = std::span<std::byte, kFrameHeadBytes>;
using FrameHeadView = std::span<const std::byte, kFrameHeadBytes>;
using FenceAckSpan = std::span<std::byte, kFenceAckBytes>;
using FenceAckView = std::span<const std::byte, kFenceAckBytes>;

struct Frame {
  FenceId fence = 0;  // != 0: a fence, and `put` means nothing
  PutHead put;
};

void encode_put(const PutHead& put, FrameHeadSpan out);
void encode_fence(FenceId fence, FrameHeadSpan out);
void encode_fence_ack(FenceId fence, FenceAckSpan out);

// kPeerBroken unless the head is whole, its payload fits its kind and the
// blocks lie within the largest region there may be. Whether the region exists
// and is that long is for the sink to say.
Result<Frame> decode_frame(FrameHeadView head);
Result<FenceId> decode_fence_ack(FenceAckView ack);

}  // namespace causeway
