// Limits of the codecs, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/base/limits.h"
#include "engine/guest/region.h"

namespace causeway {

// Blocks of one frame: what one put may carry raw, so that a frame, which is
// always smaller than its blocks, is one put. 256 KiB are enough for the
// deflate stage: its window is 32 KiB, and one table of codes serves them all.
inline constexpr uint32_t kFrameBlocksMax = 64;
inline constexpr size_t kFrameBytesMax = kFrameBlocksMax * kBlockBytes;

// Blocks that a frame may pass over between two runs: 32 GiB, what is left of
// the 32 bits of a run. Past that a new frame begins.
inline constexpr uint32_t kFrameGapMax = (1u << 23) - 1;

// Pieces of one frame's blocks: a sector each. And the bytes of one, what 14
// bits count.
inline constexpr size_t kFramePiecesMax = kFrameBlocksMax * 8;
inline constexpr size_t kPieceBytesMax = 1u << 14;

// A delta is a mask of the words that changed, then these words.
inline constexpr uint32_t kDeltaWords = kBlockBytes / sizeof(uint64_t);
inline constexpr size_t kDeltaMaskBytes = kDeltaWords / 8;

// Changed words up to which a delta pays, measured: a block of text deflates to
// about 1,200 bytes, a changed word of it in a delta to 5. What does not
// deflate costs 8 bytes a word either way; the mask must be earned back.
inline constexpr uint32_t kDeltaTextWordsMax = kDeltaWords / 2;
inline constexpr uint32_t kDeltaRandomWordsMax = kDeltaWords * 7 / 8;

static_assert(kFrameBytesMax == kPutBytesMax);
// A delta is never longer than its block: the buffers count on it.
static_assert(kDeltaMaskBytes + kDeltaRandomWordsMax * sizeof(uint64_t) <=
              kBlockBytes);
static_assert(kDeltaTextWordsMax <= kDeltaRandomWordsMax);

}  // namespace causeway
