#include "hypervisor-shim/embed/owed_log.h"

#include <utility>

namespace causeway::shim {
namespace {

Status not_tracking(const char* call) {
  return make_error(ErrorCode::kInvalidArgument,
                    "shim: {} without dirty-start before it", call);
}

}  // namespace

OwedLog::OwedLog(Vmm& vmm, std::span<const RegionInfo> regions, OwedMemory owed)
    : vmm_(vmm),
      regions_(regions.begin(), regions.end()),
      owed_(std::move(owed)) {
  for (const RegionInfo& region : regions_)
    pending_.emplace_back(region.blocks());
}

Status OwedLog::start() {
  if (tracking()) CAUSEWAY_TRY(stop());
  // What devices write from here on is kept; what they wrote before is owed
  // with all the rest.
  tracking_.store(true, std::memory_order_seq_cst);
  if (Status started = vmm_.dirty_start(); !started) {
    tracking_.store(false, std::memory_order_seq_cst);
    return started;
  }
  version_ = 1;
  owed_.set_version(version_);
  for (const RegionInfo& region : regions_)
    owed_.bitmap(region.id).set_range(0, region.blocks());
  return {};
}

Result<Version> OwedLog::collect() {
  if (!tracking()) return not_tracking("dirty-collect").error();
  // First, so that no ack of what was read before takes out a block that is
  // owed for what comes now.
  owed_.set_version(++version_);
  for (const RegionInfo& region : regions_) {
    const BitmapView owed = owed_.bitmap(region.id);
    owed.absorb(pending_[region.id].view());
    if (is_ram(region.id)) CAUSEWAY_TRY(vmm_.dirty_collect(region.id, owed));
  }
  // Pairs with mark_dirty(): who reads a block that is owed by now sees the
  // write that made it so.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return version_;
}

Status OwedLog::rearm(const BlockRange& range) {
  if (!tracking()) return not_tracking("dirty-rearm");
  if (range.region >= regions_.size()) {
    return make_error(ErrorCode::kInvalidArgument,
                      "shim: dirty-rearm of region {}; the guest has {}",
                      range.region, regions_.size());
  }
  const uint64_t blocks = regions_[range.region].blocks();
  if (range.first > blocks || range.count > blocks - range.first) {
    return make_error(ErrorCode::kInvalidArgument,
                      "shim: dirty-rearm of blocks {} and {} more; region {} "
                      "has {}",
                      range.first, range.count, range.region, blocks);
  }
  // Disk writes go through mark_dirty(), which is always armed.
  if (!is_ram(range.region) || range.count == 0) return {};
  return vmm_.dirty_rearm(range);
}

Status OwedLog::stop() {
  if (!tracking()) return {};
  tracking_.store(false, std::memory_order_seq_cst);
  return vmm_.dirty_stop();
}

void OwedLog::mark_dirty(RegionId region, uint64_t offset, uint64_t bytes) {
  CAUSEWAY_ASSERT(region < regions_.size());
  const uint64_t region_bytes = regions_[region].bytes;
  CAUSEWAY_ASSERT(offset <= region_bytes && bytes <= region_bytes - offset);
  if (bytes == 0) return;
  // Orders the device's write before the look at tracking_ and before the
  // bit: start() and collect() have the other half.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!tracking_.load(std::memory_order_relaxed)) return;
  const uint64_t first = offset / kBlockBytes;
  const uint64_t last = (offset + bytes - 1) / kBlockBytes;
  pending_[region].view().set_range(first, last - first + 1);
}

}  // namespace causeway::shim
