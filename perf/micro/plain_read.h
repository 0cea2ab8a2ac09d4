// The yardstick of the scans: reading memory and doing next to nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace causeway {

// Or of all words; eight vectors in flight, so that memory is the limit.
__attribute__((target_clones("avx512f", "avx2", "default"))) inline uint64_t
plain_read(std::span<const uint64_t> words) {
  typedef uint64_t Vector __attribute__((vector_size(64), aligned(8)));
  constexpr size_t kLanes = sizeof(Vector) / sizeof(uint64_t);
  Vector sums[8] = {};
  size_t at = 0;
  for (; at + 8 * kLanes <= words.size(); at += 8 * kLanes) {
    for (size_t i = 0; i < 8; ++i) {
      sums[i] |=
          *reinterpret_cast<const Vector*>(words.data() + at + i * kLanes);
    }
  }
  uint64_t all = 0;
  for (const Vector& sum : sums) {
    for (size_t lane = 0; lane < kLanes; ++lane) all |= sum[lane];
  }
  for (; at < words.size(); ++at) all |= words[at];
  return all;
}

}  // namespace causeway
