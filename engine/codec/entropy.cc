#include "engine/codec/entropy.h"

#include <array>

namespace causeway {
namespace {

constexpr size_t kSpanBytes = 64;
constexpr size_t kSpans = kSampleBytes / kSpanBytes;
// Not a power of two apart, so that a structure of the block's content does
// not put every span on the same field of it.
constexpr size_t kStride = (kBlockBytes - kSpanBytes) / (kSpans - 1) - 8;

static_assert((kSpans - 1) * kStride + kSpanBytes <= kBlockBytes);
static_assert(kRandomPairsMax < kSamplePairsAll / 128);

}  // namespace

uint32_t sample_pairs(const std::byte* block) {
  // Two tables: the next byte is often the same one, and would wait.
  std::array<uint16_t, 256> even{};
  std::array<uint16_t, 256> odd{};
  for (size_t span = 0; span < kSpans; ++span) {
    const std::byte* at = block + span * kStride;
    for (size_t i = 0; i < kSpanBytes; i += 2) {
      ++even[static_cast<uint8_t>(at[i])];
      ++odd[static_cast<uint8_t>(at[i + 1])];
    }
  }
  uint32_t pairs = 0;
  for (size_t value = 0; value < even.size(); ++value) {
    const uint32_t count = even[value] + odd[value];
    pairs += count * (count - 1) / 2;
  }
  return pairs;
}

}  // namespace causeway
