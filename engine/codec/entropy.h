// The entropy of a block, told from a sample of it: whether trying to deflate
// it is worth the time. What is random and yet deflated costs twice: the time,
// and worse codes for all that shares its frame (measured, one block in three
// random: 8 % more bytes in all than with these sent raw).
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/guest/region.h"

namespace causeway {

inline constexpr uint32_t kSampleBytes = 512;  // eight spans of 64 bytes

// Among the sampled bytes, by value: pairs of equal ones, which tell the
// collision entropy (Renyi, order 2), and what is more of one value than
// kSameMax. Counted apart, so that a few zeros in random bytes, a header or a
// padding, are not taken for a block that deflates.
struct BlockSample {
  uint32_t pairs = 0;  // a value counts for kSameMax at most
  uint32_t excess = 0;
};
inline constexpr uint32_t kSameMax = 12;
BlockSample sample_block(const std::byte* block);

// Random bytes have 1 pair in 256: 511, give or take 23 (standard deviation).
// Five deviations above that: one random block in a million is taken for
// something else, and what is left below has 7.7 bits a byte.
inline constexpr uint32_t kRandomPairsMax = 511 + 5 * 23;
// A sixteenth of the sample: deflating would gain no more.
inline constexpr uint32_t kRandomExcessMax = kSampleBytes / 16;

inline bool looks_random(const std::byte* block) {
  const BlockSample sample = sample_block(block);
  return sample.pairs <= kRandomPairsMax && sample.excess <= kRandomExcessMax;
}

}  // namespace causeway
