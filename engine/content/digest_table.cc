#include "engine/content/digest_table.h"

#include <cstdlib>

#include "engine/base/assert.h"
#include "engine/content/digest.h"

namespace causeway {
namespace {

// Binds a digest to its place: a swapped pair of blocks changes the root.
uint64_t mix(uint64_t block, uint64_t digest) {
  if (digest == kZeroDigest) return 0;
  const auto product =
      static_cast<unsigned __int128>(digest ^ (block * 0x9E3779B97F4A7C15ull)) *
      (0xD6E8FEB86659FD93ull + 2 * block);
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace

void DigestTable::Free::operator()(uint64_t* memory) const {
  std::free(memory);
}

DigestTable::DigestTable(uint64_t blocks)
    : digests_(static_cast<uint64_t*>(
          std::calloc(blocks == 0 ? 1 : blocks, sizeof(uint64_t)))),
      blocks_(blocks) {
  CAUSEWAY_ASSERT(digests_ != nullptr);
}

void DigestTable::set(uint64_t first, std::span<const uint64_t> digests) {
  CAUSEWAY_ASSERT(first <= blocks_ && digests.size() <= blocks_ - first);
  uint64_t change = 0;
  for (size_t i = 0; i < digests.size(); ++i) {
    const std::atomic_ref slot(digests_[first + i]);
    change += mix(first + i, digests[i]) -
              mix(first + i, slot.load(std::memory_order_relaxed));
    slot.store(digests[i], std::memory_order_relaxed);
  }
  root_.fetch_add(change, std::memory_order_relaxed);
}

void DigestTable::set_zero(uint64_t first, uint64_t count) {
  CAUSEWAY_ASSERT(first <= blocks_ && count <= blocks_ - first);
  uint64_t change = 0;
  for (uint64_t block = first; block < first + count; ++block) {
    // Read before write: an untouched page of the table stays untouched.
    const std::atomic_ref slot(digests_[block]);
    const uint64_t digest = slot.load(std::memory_order_relaxed);
    if (digest == kZeroDigest) continue;
    change -= mix(block, digest);
    slot.store(kZeroDigest, std::memory_order_relaxed);
  }
  root_.fetch_add(change, std::memory_order_relaxed);
}

}  // namespace causeway
