// GuestImage: all regions of a guest as one mover reaches them, with the
// digest of every block and the key of this migration's digests. Owned by the
// mover; shared by its session and workers (see BlockStore and DigestTable for
// who may touch what at once).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/base/result.h"
#include "engine/content/digest_table.h"
#include "engine/guest/block_store.h"

namespace causeway {

class GuestImage {
 public:
  // stores[i] is region i.
  GuestImage(std::vector<std::unique_ptr<BlockStore>> stores,
             uint64_t digest_key);

  RegionId regions() const { return static_cast<RegionId>(regions_.size()); }
  BlockStore& store(RegionId region) { return *regions_[region].store; }
  const RegionInfo& info(RegionId region) const {
    return regions_[region].store->info();
  }
  DigestTable& digests(RegionId region) { return regions_[region].digests; }
  uint64_t digest_key() const {
    return digest_key_.load(std::memory_order_relaxed);
  }
  // The target learns the key from the source, before the first put.
  void set_digest_key(uint64_t key) {
    digest_key_.store(key, std::memory_order_relaxed);
  }

  uint64_t blocks() const;
  std::vector<uint64_t> roots() const;

 private:
  struct Region {
    explicit Region(std::unique_ptr<BlockStore> its_store)
        : store(std::move(its_store)), digests(store->info().blocks()) {}
    std::unique_ptr<BlockStore> store;
    DigestTable digests;
  };
  std::vector<Region> regions_;
  std::atomic<uint64_t> digest_key_;
};

}  // namespace causeway
