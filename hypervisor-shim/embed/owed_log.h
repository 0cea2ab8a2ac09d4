// OwedLog: the VMM's side of the dirty log (engine/guest/dirty_log.h). It
// joins what the tracker saw of the vCPUs with what the VMM's own devices
// reported, in the owed bitmaps that the mover reads.
//
//   vCPU write ──► tracker ──────── dirty_collect() ──┐
//                                                     ├─► owed (shared)
//   device write ──► mark_dirty() ──► pending (own) ──┘
//
// mark_dirty() may be called by any thread; all else by the service thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/bitmap.h"
#include "engine/base/result.h"
#include "engine/guest/region.h"
#include "hypervisor-shim/embed/vmm.h"
#include "hypervisor-shim/protocol/owed_memory.h"

namespace causeway::shim {

class OwedLog {
 public:
  // `vmm` outlives the log.
  OwedLog(Vmm& vmm, std::span<const RegionInfo> regions, OwedMemory owed);

  int fd() const { return owed_.fd(); }
  bool tracking() const { return tracking_.load(std::memory_order_acquire); }

  Status start();
  Result<Version> collect();
  Status rearm(const BlockRange& range);
  Status stop();

  // [offset, offset + bytes) lies in the region (asserted).
  void mark_dirty(RegionId region, uint64_t offset, uint64_t bytes);

 private:
  bool is_ram(RegionId region) const {
    return regions_[region].kind == RegionKind::kRam;
  }

  Vmm& vmm_;
  std::vector<RegionInfo> regions_;
  OwedMemory owed_;
  std::vector<Bitmap> pending_;
  std::atomic<bool> tracking_{false};
  Version version_ = 0;  // ours; the mover could write over the shared one
};

}  // namespace causeway::shim
