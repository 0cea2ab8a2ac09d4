// Limits of the channels over byte streams, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/base/limits.h"

namespace causeway {

// Heads of frames that one channel holds until the stream has taken them. 128
// puts of single blocks are 512 KiB: enough that one system call is worth its
// cost; more would only grow what a stop has to wait for.
inline constexpr uint32_t kStreamFramesInFlightMax = 128;

// Gathered for one call: past this, a longer one saves nothing measurable.
inline constexpr size_t kStreamSendBytesMax = 1u << 20;

// One poll of a receiver: about 1 ms at 40 Gbit/s, so that a worker with
// several channels serves them in turn.
inline constexpr size_t kStreamReceiveBytesMax = 4u << 20;

// What a receiver reads beyond the payload it knows of: 128 heads of zero runs
// a system call, and at most this much is copied twice.
inline constexpr size_t kStreamAheadBytes = 4096;

static_assert(kStreamAheadBytes < kPutBytesMax);
static_assert(kStreamSendBytesMax >= kPutBytesMax);

}  // namespace causeway
