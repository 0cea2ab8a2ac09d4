#include "tools/mover/region_stores.h"

#include "engine/guest/disk_store.h"
#include "engine/guest/ram_store.h"

namespace causeway {

Result<std::vector<std::unique_ptr<BlockStore>>> open_region_stores(
    const ShimGuest& guest) {
  std::vector<std::unique_ptr<BlockStore>> stores;
  for (const RegionInfo& region : guest.spec().regions) {
    const int fd = guest.region_fd(region.id);
    if (region.kind == RegionKind::kRam) {
      CAUSEWAY_ASSIGN(auto store, RamStore::open(region, fd));
      stores.push_back(std::move(store));
    } else {
      CAUSEWAY_ASSIGN(auto store, DiskStore::open(region, fd));
      stores.push_back(std::move(store));
    }
  }
  return stores;
}

}  // namespace causeway
