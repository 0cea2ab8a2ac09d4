#include "engine/content/gathered_places.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/base/assert.h"

namespace causeway {
namespace {

// Digests are even over their values: by their first bits they fall into parts
// of some 1,000, which fit into the first cache while they are sorted.
constexpr unsigned kPartBits = 10;
constexpr size_t kParts = 1u << kPartBits;

size_t part_of(const GatheredPlaces::Entry& entry) {
  return entry.key >> (64 - kPartBits);
}

}  // namespace

void GatheredPlaces::add(std::span<const ContentEntry> entries) {
  static_assert(sizeof(ContentDigest) == sizeof(uint64_t));
  for (const ContentEntry& entry : entries) {
    uint64_t word = 0;
    std::memcpy(&word, entry.digest.data(), sizeof(word));
    entries_.push_back({__builtin_bswap64(word), entry.place});
  }
}

ContentDigest GatheredPlaces::digest_of(const Entry& entry) {
  static_assert(std::endian::native == std::endian::little);
  const uint64_t word = __builtin_bswap64(entry.key);
  ContentDigest digest;
  std::memcpy(digest.data(), &word, sizeof(word));
  return digest;
}

std::span<const GatheredPlaces::Entry> GatheredPlaces::sort() {
  std::vector<size_t> begins(kParts + 1);
  for (const Entry& entry : entries_) ++begins[part_of(entry) + 1];
  for (size_t i = 0; i < kParts; ++i) begins[i + 1] += begins[i];
  sorted_.resize(entries_.size());
  std::vector<size_t> at(begins.begin(), begins.end() - 1);
  for (const Entry& entry : entries_) sorted_[at[part_of(entry)]++] = entry;
  for (size_t i = 0; i < kParts; ++i) {
    std::stable_sort(
        sorted_.begin() + static_cast<ptrdiff_t>(begins[i]),
        sorted_.begin() + static_cast<ptrdiff_t>(begins[i + 1]),
        [](const Entry& a, const Entry& b) { return a.key < b.key; });
  }
  size_t kept = 0;
  for (size_t i = 0; i < sorted_.size(); ++i) {
    const bool last =
        i + 1 == sorted_.size() || sorted_[i + 1].key != sorted_[i].key;
    if (last) sorted_[kept++] = sorted_[i];
  }
  sorted_.resize(kept);
  return sorted_;
}

}  // namespace causeway
