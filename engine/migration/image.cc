#include "engine/migration/image.h"

#include "engine/base/limits.h"

namespace causeway {

GuestImage::GuestImage(std::vector<std::unique_ptr<BlockStore>> stores,
                       uint64_t digest_key)
    : digest_key_(digest_key) {
  CAUSEWAY_ASSERT(!stores.empty() && stores.size() <= kRegionsMax);
  regions_.reserve(stores.size());
  for (auto& store : stores) regions_.emplace_back(std::move(store));
}

uint64_t GuestImage::blocks() const {
  uint64_t total = 0;
  for (const Region& region : regions_) total += region.digests.blocks();
  return total;
}

std::vector<uint64_t> GuestImage::roots() const {
  std::vector<uint64_t> roots;
  for (const Region& region : regions_) roots.push_back(region.digests.root());
  return roots;
}

}  // namespace causeway
