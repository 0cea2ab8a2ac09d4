#include "rdma/memory/lent_extents.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "rdma/memory/data_run.h"

namespace causeway {
namespace {

Error lent_twice(const BlockRange& extent) {
  return make_error(ErrorCode::kPeerBroken,
                    "the peer asks for blocks {}+{} of region {} twice",
                    extent.first, extent.count, extent.region);
}

}  // namespace

LentExtents::LentExtents(RdmaEndpoint& endpoint,
                         std::span<BlockStore* const> stores, int access,
                         uint64_t pinned_bytes_max)
    : endpoint_(endpoint),
      stores_(stores.begin(), stores.end()),
      access_(access),
      pinned_bytes_max_(pinned_bytes_max) {
  for (BlockStore* store : stores_) {
    auto& data = data_.emplace_back();
    if (store != nullptr) data.emplace(*store);
  }
}

Status LentExtents::check(const BlockRange& extent) const {
  const bool known = extent.region < stores_.size() &&
                     stores_[extent.region] != nullptr &&
                     !stores_[extent.region]->mapped().empty() &&
                     extent.end() <= stores_[extent.region]->info().blocks();
  if (known) return {};
  return make_error(ErrorCode::kPeerBroken,
                    "the peer asks for blocks {}+{} of region {}, which are "
                    "not there to be reached",
                    extent.first, extent.count, extent.region);
}

// What cannot be registered is no trouble: the peer knows another way.
Result<RdmaKey> LentExtents::lend(const BlockRange& extent) {
  CAUSEWAY_TRY(check(extent));
  const uint64_t bytes = extent.count * kBlockBytes;
  const Place place{extent.region, extent.first};
  RdmaKey key;
  key.extent = extent;
  if (lent_.count(place) != 0) return lent_twice(extent);
  if (pinned_bytes_ + bytes > pinned_bytes_max_ ||
      lent_.size() == kRdmaExtentsMax) {
    return key;
  }
  const auto memory = stores_[extent.region]->mapped().subspan(
      extent.first * kBlockBytes, bytes);
  auto region = endpoint_.register_memory(memory, access_);
  if (!region) {
    if (!refused_) {
      spdlog::warn("what cannot be registered is not lent: {}",
                   region.error().message);
    }
    refused_ = true;
    return key;
  }
  key.registered = true;
  key.address = reinterpret_cast<uint64_t>(memory.data());
  key.key = (*region)->rkey;
  pinned_bytes_ += bytes;
  pinned_bytes_most_ = std::max(pinned_bytes_most_, pinned_bytes_);
  lent_.emplace(place, Lent{extent.count, std::move(region).value()});
  return key;
}

Result<RdmaKey> LentExtents::lend_around(RegionId region, uint64_t block) {
  CAUSEWAY_TRY(check({region, block, 1}));
  uint64_t first = block / kRdmaExtentBlocksMax * kRdmaExtentBlocksMax;
  uint64_t end =
      std::min(first + kRdmaExtentBlocksMax, stores_[region]->info().blocks());
  const auto after = lent_.upper_bound({region, block});
  if (after != lent_.end() && after->first.first == region) {
    end = std::min(end, after->first.second);
  }
  if (after != lent_.begin()) {
    const auto& [place, lent] = *std::prev(after);
    const uint64_t lent_end = place.second + lent.blocks;
    if (place.first == region) {
      if (block < lent_end) return lent_twice({region, block, 1});
      first = std::max(first, lent_end);
    }
  }
  CAUSEWAY_ASSIGN(const DataRun run,
                  run_around(*data_[region], block, first, end));
  const BlockRange range{region, run.blocks.first, run.blocks.count};
  if (!run.hole) return lend(range);
  RdmaKey key;
  key.extent = range;
  key.hole = true;
  return key;
}

Status LentExtents::take_back(const BlockRange& extent) {
  const auto found = lent_.find({extent.region, extent.first});
  if (found == lent_.end() || found->second.blocks != extent.count) {
    return make_error(ErrorCode::kPeerBroken,
                      "the peer gives back blocks {}+{} of region {}, which "
                      "it does not have",
                      extent.first, extent.count, extent.region);
  }
  pinned_bytes_ -= extent.count * kBlockBytes;
  lent_.erase(found);
  return {};
}

void LentExtents::take_all_back() {
  lent_.clear();
  pinned_bytes_ = 0;
}

}  // namespace causeway
