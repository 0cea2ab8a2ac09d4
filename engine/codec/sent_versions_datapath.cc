#include <cstring>

#include "engine/base/assert.h"
#include "engine/base/limits.h"
#include "engine/codec/sent_versions.h"

namespace causeway {
namespace {

// Never 0. Block numbers fit 34 bits (kRegionBytesMax).
uint64_t key_of(RegionId region, uint64_t block) {
  CAUSEWAY_ASSERT(block < kRegionBytesMax / kBlockBytes);
  return (static_cast<uint64_t>(region) << 35 | block) + 1;
}

static_assert(kRegionBytesMax / kBlockBytes == 1ull << 34);

}  // namespace

// The set for one thread, if no other has it.
class SentVersions::Hold {
 public:
  explicit Hold(Set& set)
      : busy_(set.busy),
        held_(busy_.exchange(1, std::memory_order_acquire) == 0) {}
  ~Hold() {
    if (held_) busy_.store(0, std::memory_order_release);
  }
  Hold(const Hold&) = delete;
  explicit operator bool() const { return held_; }

 private:
  std::atomic<uint8_t>& busy_;
  const bool held_;
};

SentVersions::Set& SentVersions::set_of(uint64_t key) {
  // Fibonacci hashing, then the high half scaled to the number of sets.
  const uint64_t mixed = (key * 0x9E3779B97F4A7C15ull) >> 32;
  return table_[mixed * sets_ >> 32];
}

std::byte* SentVersions::bytes_of(const Set& set, size_t way) {
  const auto index = static_cast<size_t>(&set - table_.get());
  return contents_.get() + (index * kWays + way) * kBlockBytes;
}

std::optional<size_t> SentVersions::way_of(const Set& set, uint64_t key) {
  for (size_t way = 0; way < kWays; ++way) {
    if (set.places[way].key == key) return way;
  }
  return std::nullopt;
}

// A free place; else one not sent again in the last round; else one of an
// earlier round that was never found. What was found, and what this round has
// brought, stays: in a pass over more than fits, the last to come would push
// out what the next pass asks for first.
std::optional<size_t> SentVersions::place_for(const Set& set, Version now) {
  if (const auto empty = way_of(set, 0)) return empty;
  std::optional<size_t> never_found;
  for (size_t way = 0; way < kWays; ++way) {
    const Version version = set.places[way].version;
    if (version + 1 < now) return way;
    if (version < now && (set.found >> way & 1) == 0) never_found = way;
  }
  return never_found;
}

bool SentVersions::find(RegionId region, uint64_t block, uint64_t digest,
                        std::span<std::byte, kBlockBytes> out) {
  if (sets_ == 0) return false;
  const uint64_t key = key_of(region, block);
  Set& set = set_of(key);
  const Hold hold(set);
  if (!hold) return false;
  const auto way = way_of(set, key);
  if (!way || set.places[*way].digest != digest) return false;
  if (set.places[*way].version < in_place_.load(std::memory_order_relaxed)) {
    return false;
  }
  set.found = static_cast<uint8_t>(set.found | 1u << *way);
  std::memcpy(out.data(), bytes_of(set, *way), kBlockBytes);
  return true;
}

void SentVersions::sent_in_place(Version version) {
  Version before = in_place_.load(std::memory_order_relaxed);
  while (before < version && !in_place_.compare_exchange_weak(
                                 before, version, std::memory_order_relaxed)) {
  }
}

void SentVersions::note(RegionId region, uint64_t block, Version version,
                        uint64_t digest, const std::byte* bytes) {
  if (sets_ == 0) return;
  const uint64_t key = key_of(region, block);
  Set& set = set_of(key);
  const Hold hold(set);
  if (!hold) return;
  auto way = way_of(set, key);
  if (!way) {
    way = place_for(set, version);
    if (!way) return;
    set.found = static_cast<uint8_t>(set.found & ~(1u << *way));
  }
  set.places[*way] = {key, digest, version};
  std::memcpy(bytes_of(set, *way), bytes, kBlockBytes);
}

}  // namespace causeway
