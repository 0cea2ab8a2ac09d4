#include <cstring>

#include "engine/content/digest.h"
#include "engine/migration/sent_places.h"

namespace causeway {

// A digest is even over all its values: its high bits choose.
SentPlaces::Entry& SentPlaces::entry_of(uint64_t digest) const {
  const auto wide = static_cast<unsigned __int128>(digest) * entries_;
  return table_[static_cast<uint64_t>(wide >> 64)];
}

void SentPlaces::note(RegionId region, uint64_t block, uint64_t digest) {
  if (entries_ == 0) return;
  Entry& entry = entry_of(digest);
  entry.place.store(pack_place(region, block), std::memory_order_relaxed);
  entry.digest.store(digest, std::memory_order_relaxed);
}

std::optional<BlockCopy> SentPlaces::find(uint64_t digest) const {
  if (entries_ == 0) return std::nullopt;
  const Entry& entry = entry_of(digest);
  if (entry.digest.load(std::memory_order_relaxed) != digest) {
    return std::nullopt;
  }
  return unpack_place(entry.place.load(std::memory_order_relaxed), digest);
}

// The table of digests says what the target was last sent from there; the
// bytes, that it is not another content of the same digest.
bool EarlierBlocks::find(RegionId region, uint64_t block,
                         const std::byte* bytes, uint64_t digest,
                         BlockCopy& from) {
  const auto found = places_.find(digest);
  if (!found || (found->region == region && found->block == block) ||
      image_.digests(found->region).at(found->block) != digest) {
    return false;
  }
  const auto there =
      image_.store(found->region).read(found->block, 1, scratch_);
  if (!there || std::memcmp(there->data(), bytes, kBlockBytes) != 0) {
    return false;
  }
  from = *found;
  return true;
}

}  // namespace causeway
