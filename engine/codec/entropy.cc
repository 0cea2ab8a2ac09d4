#include "engine/codec/entropy.h"

#include <algorithm>
#include <array>

namespace causeway {
namespace {

constexpr size_t kSpanBytes = 64;
constexpr size_t kSpans = kSampleBytes / kSpanBytes;
// Behind a header, if there is one. Not a power of two apart, so that a
// structure of the block's content does not put every span on the same field.
constexpr size_t kFirst = 64;
constexpr size_t kStride = (kBlockBytes - kFirst - kSpanBytes) / (kSpans - 1);

static_assert(kFirst + (kSpans - 1) * kStride + kSpanBytes <= kBlockBytes);
static_assert((kStride & (kStride - 1)) != 0);
// A value that has kSameMax all for itself is no sign of order.
static_assert(kSameMax * (kSameMax - 1) / 2 < kRandomPairsMax - 511);

}  // namespace

BlockSample sample_block(const std::byte* block) {
  // Two tables: the next byte is often the same one, and would wait.
  std::array<uint16_t, 256> even{};
  std::array<uint16_t, 256> odd{};
  for (size_t span = 0; span < kSpans; ++span) {
    const std::byte* at = block + kFirst + span * kStride;
    for (size_t i = 0; i < kSpanBytes; i += 2) {
      ++even[static_cast<uint8_t>(at[i])];
      ++odd[static_cast<uint8_t>(at[i + 1])];
    }
  }
  BlockSample sample;
  for (size_t value = 0; value < even.size(); ++value) {
    const uint32_t all = even[value] + odd[value];
    const uint32_t count = std::min(all, kSameMax);
    sample.pairs += count * (count - 1) / 2;
    sample.excess += all - count;
  }
  return sample;
}

}  // namespace causeway
