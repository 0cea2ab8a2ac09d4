// The delta codec: a block against an older version of it, as a mask of the
// words that changed (bit i of byte i / 8: word i), then these words as they
// are now. The deflate stage comes after.
//
//   0                  64
//   +------------------+-----------------------------+
//   | mask, 512 bits   | a u64 for each set bit ...  |
//   +------------------+-----------------------------+
//
// The new words, not XOR with the old: new text among other text finds its
// like in the stream's window, and XOR of two texts is noise. Measured, 10 % of
// the words changed, bytes a block at level 1: text 176 to 288 against 365 to
// 478, a Python heap 89 against 125, random words 440 against 548; only
// counters among random words do better with XOR (149 against 441).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/codec/limits.h"

namespace causeway {

// Bytes written to `out`, which takes kBlockBytes; 0: more than `words_max`
// (at most kDeltaRandomWordsMax) words differ. All three stand still.
size_t encode_delta(const std::byte* block, const std::byte* base,
                    uint32_t words_max, std::byte* out);

// Bytes that the delta at the front of `material` has; 0: it is cut short.
size_t delta_bytes(std::span<const std::byte> material);

// Makes the base at `block` the new block. The delta is whole.
void apply_delta(std::span<const std::byte> delta, std::byte* block);

}  // namespace causeway
