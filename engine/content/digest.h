// Digest: 8 bytes a block for the proof of content (design, section 6a).
// XXH3-64 with a key of the migration as its seed: proof against faults of
// wire, codec and placement on authenticated channels, not against an enemy
// who chooses the content (that is SHA-256's job in the content index).
// Source: https://github.com/Cyan4973/xxHash, XXH3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/guest/region.h"

namespace causeway {

// A zero block's digest; no other block has it, so tables of sparse guests
// stay untouched zero pages.
inline constexpr uint64_t kZeroDigest = 0;

// Of kBlockBytes that are not all zero. Never kZeroDigest.
uint64_t digest_block(const std::byte* block, uint64_t key);

// Of a block that may be zero.
uint64_t digest_any_block(const std::byte* block, uint64_t key);

}  // namespace causeway
