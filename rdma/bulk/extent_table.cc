#include "rdma/bulk/extent_table.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "rdma/memory/data_run.h"

namespace causeway {

ExtentTable::ExtentTable(RdmaEndpoint& endpoint,
                         std::span<BlockStore* const> stores,
                         uint64_t pinned_bytes_max)
    : endpoint_(endpoint),
      stores_(stores.begin(), stores.end()),
      regions_(stores.size()),
      pinned_bytes_max_(pinned_bytes_max) {
  CAUSEWAY_ASSERT(pinned_bytes_max >= kRdmaPinnedBytesMin);
  for (BlockStore* store : stores_) {
    auto& data = data_.emplace_back();
    if (store != nullptr) data.emplace(*store);
  }
}

bool ExtentTable::is_in_place(RegionId region, uint64_t block,
                              const std::byte* bytes) const {
  if (region >= stores_.size() || stores_[region] == nullptr) return false;
  const auto memory = stores_[region]->mapped();
  return !memory.empty() && bytes == memory.data() + block * kBlockBytes;
}

Extent* ExtentTable::find(RegionId region, uint64_t block) {
  Extents& extents = regions_[region];
  auto after = extents.upper_bound(block);
  if (after == extents.begin()) return nullptr;
  Extent& before = std::prev(after)->second;
  return block < before.range.end() ? &before : nullptr;
}

// The run of data that has the block, within its 2 MiB and beside what is
// registered already.
Result<BlockRange> ExtentTable::extent_around(RegionId region, uint64_t block) {
  uint64_t first = block / kRdmaExtentBlocksMax * kRdmaExtentBlocksMax;
  uint64_t end =
      std::min(first + kRdmaExtentBlocksMax, stores_[region]->info().blocks());
  Extents& extents = regions_[region];
  const auto after = extents.upper_bound(block);
  if (after != extents.end()) end = std::min(end, after->first);
  if (after != extents.begin()) {
    first = std::max(first, std::prev(after)->second.range.end());
  }
  CAUSEWAY_ASSIGN(const DataRun run,
                  run_around(*data_[region], block, first, end));
  if (run.hole) return BlockRange{region, block, 1};
  return BlockRange{region, run.blocks.first, run.blocks.count};
}

Result<Extent*> ExtentTable::add(RegionId region, uint64_t block,
                                 uint64_t taken) {
  CAUSEWAY_ASSIGN(const BlockRange range, extent_around(region, block));
  const uint64_t bytes = range.count * kBlockBytes;
  if (!make_room(bytes, taken)) return static_cast<Extent*>(nullptr);
  Extent extent;
  extent.range = range;
  const auto memory = stores_[region]->mapped();
  auto local = endpoint_.register_memory(
      memory.subspan(range.first * kBlockBytes, bytes), /*access=*/0);
  if (local) {
    extent.local = std::move(local).value();
    pinned_bytes_ += bytes;
    errands_.push_back({RecordKind::kWant, 0, {}, range});
  } else {
    if (!refused_) {
      spdlog::warn("what cannot be registered goes by copy: {}",
                   local.error().message);
    }
    refused_ = true;
    extent.state = Extent::State::kRefused;
  }
  ++count_;
  return &regions_[region]
              .emplace(range.first, std::move(extent))
              .first->second;
}

// By the longest unused, until so many bytes and one more extent fit.
bool ExtentTable::make_room(uint64_t bytes, uint64_t taken) {
  while (pinned_bytes_ + bytes > pinned_bytes_max_ ||
         count_ == kRdmaExtentsMax) {
    RegionId of = 0;
    std::optional<Extents::iterator> oldest;
    for (RegionId region = 0; region < regions_.size(); ++region) {
      Extents& extents = regions_[region];
      for (auto it = extents.begin(); it != extents.end(); ++it) {
        const Extent& extent = it->second;
        const bool idle = extent.waiting == 0 && extent.last_message <= taken &&
                          extent.state != Extent::State::kAsked;
        if (!idle) continue;
        if (oldest && (*oldest)->second.last_message <= extent.last_message) {
          continue;
        }
        oldest = it;
        of = region;
      }
    }
    if (!oldest) return false;
    drop(of, *oldest);
  }
  return true;
}

void ExtentTable::drop(RegionId region, Extents::iterator it) {
  const Extent& extent = it->second;
  if (extent.local) pinned_bytes_ -= extent.range.count * kBlockBytes;
  if (extent.state == Extent::State::kReady) {
    errands_.push_back({RecordKind::kDrop, 0, {}, extent.range});
  }
  regions_[region].erase(it);
  --count_;
}

Status ExtentTable::take_key(const RdmaKey& key) {
  const BlockRange& range = key.extent;
  Extent* extent = range.region < regions_.size()
                       ? find(range.region, range.first)
                       : nullptr;
  if (extent == nullptr || extent->range != range ||
      extent->state != Extent::State::kAsked) {
    return make_error(ErrorCode::kPeerBroken,
                      "a key came for blocks {}+{} of region {}, which nobody "
                      "has asked for",
                      range.first, range.count, range.region);
  }
  if (!key.registered) {
    extent->state = Extent::State::kRefused;
    extent->local.reset();
    pinned_bytes_ -= range.count * kBlockBytes;
    return {};
  }
  extent->state = Extent::State::kReady;
  extent->remote_address = key.address;
  extent->remote_key = key.key;
  return {};
}

}  // namespace causeway
