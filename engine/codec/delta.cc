#include "engine/codec/delta.h"

#include <bit>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/base/little_endian.h"

namespace causeway {
namespace {

constexpr uint32_t kMaskWords = kDeltaMaskBytes / sizeof(uint64_t);
constexpr size_t kWordBytes = sizeof(uint64_t);

}  // namespace

size_t encode_delta(const std::byte* block, const std::byte* base,
                    uint32_t words_max, std::byte* out) {
  CAUSEWAY_ASSERT(words_max <= kDeltaRandomWordsMax);
  std::byte* next = out + kDeltaMaskBytes;
  const std::byte* const end = next + words_max * kWordBytes;
  for (uint32_t group = 0; group < kMaskWords; ++group) {
    uint64_t mask = 0;
    for (uint32_t i = 0; i < 64; ++i) {
      const size_t at = (group * 64 + i) * kWordBytes;
      const uint64_t differs =
          load_le<uint64_t>(block + at) != load_le<uint64_t>(base + at);
      mask |= differs << i;
    }
    store_le(out + group * kWordBytes, mask);
    if (std::popcount(mask) * kWordBytes > static_cast<size_t>(end - next)) {
      return 0;
    }
    for (; mask != 0; mask &= mask - 1, next += kWordBytes) {
      const auto i = static_cast<size_t>(std::countr_zero(mask));
      std::memcpy(next, block + (group * 64 + i) * kWordBytes, kWordBytes);
    }
  }
  return static_cast<size_t>(next - out);
}

size_t delta_bytes(std::span<const std::byte> material) {
  if (material.size() < kDeltaMaskBytes) return 0;
  size_t bytes = kDeltaMaskBytes;
  for (uint32_t group = 0; group < kMaskWords; ++group) {
    const uint64_t mask =
        load_le<uint64_t>(material.data() + group * kWordBytes);
    bytes += static_cast<size_t>(std::popcount(mask)) * kWordBytes;
  }
  return bytes <= material.size() ? bytes : 0;
}

void apply_delta(std::span<const std::byte> delta, std::byte* block) {
  CAUSEWAY_ASSERT(delta_bytes(delta) == delta.size());
  const std::byte* next = delta.data() + kDeltaMaskBytes;
  for (uint32_t group = 0; group < kMaskWords; ++group) {
    uint64_t mask = load_le<uint64_t>(delta.data() + group * kWordBytes);
    for (; mask != 0; mask &= mask - 1, next += kWordBytes) {
      const auto i = static_cast<size_t>(std::countr_zero(mask));
      std::memcpy(block + (group * 64 + i) * kWordBytes, next, kWordBytes);
    }
  }
}

}  // namespace causeway
