#include "hypervisor-shim/kvm/dirty_bitmap.h"

#include <algorithm>
#include <memory>

#include "engine/base/assert.h"
#include "hypervisor-shim/kvm/kvm_device.h"
#include "hypervisor-shim/kvm/limits.h"

namespace causeway::kvm {

Result<std::unique_ptr<DirtyBitmap>> DirtyBitmap::create(MemorySlot& slot) {
  kvm_enable_cap capability{};
  capability.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2;
  capability.args[0] =
      KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET;
  CAUSEWAY_TRY(kvm_ioctl(slot.vm_fd(), KVM_ENABLE_CAP, &capability,
                         "KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2"));
  return std::unique_ptr<DirtyBitmap>(new DirtyBitmap(slot));
}

DirtyBitmap::DirtyBitmap(MemorySlot& slot)
    : slot_(slot),
      log_(slot.blocks()),
      reported_(slot.blocks()),
      mask_(kClearBlocks) {}

Status DirtyBitmap::add_vcpu(int) { return {}; }

Status DirtyBitmap::start() {
  CAUSEWAY_TRY(slot_.set(false));
  reported_.view().set_range(0, reported_.size());
  return slot_.set(true);
}

Status DirtyBitmap::collect(BitmapView into) {
  CAUSEWAY_ASSERT(into.size() == log_.size());
  kvm_dirty_log log{};
  log.slot = MemorySlot::kId;
  log.dirty_bitmap = log_.view().words();
  CAUSEWAY_TRY(
      kvm_ioctl(slot_.vm_fd(), KVM_GET_DIRTY_LOG, &log, "KVM_GET_DIRTY_LOG"));
  into.or_with(log_.view());
  reported_.view().or_with(log_.view());
  return {};
}

Status DirtyBitmap::rearm(uint64_t first, uint64_t blocks) {
  if (first > slot_.blocks() || blocks > slot_.blocks() - first) {
    return make_error(ErrorCode::kInvalidArgument,
                      "re-arm of {} blocks from {} on, of {}", blocks, first,
                      slot_.blocks());
  }
  const uint64_t end = first + blocks;
  while (first < end) {
    // KVM wants ranges that begin at a multiple of 64.
    const uint64_t chunk_end = std::min(end, first / 64 * 64 + kClearBlocks);
    CAUSEWAY_TRY(clear_chunk(first, chunk_end - first));
    first = chunk_end;
  }
  return {};
}

Status DirtyBitmap::clear_chunk(uint64_t first, uint64_t blocks) {
  const uint64_t base = first / 64 * 64;
  const uint64_t end =
      std::min((first + blocks + 63) / 64 * 64, slot_.blocks());
  mask_.view().clear_range(0, kClearBlocks);
  uint64_t from = first;
  bool any = false;
  while (const auto run = reported_.view().next_run(from, first + blocks)) {
    mask_.view().set_range(run->first - base, run->count);
    reported_.view().clear_range(run->first, run->count);
    from = run->end();
    any = true;
  }
  if (!any) return {};
  kvm_clear_dirty_log clear{};
  clear.slot = MemorySlot::kId;
  clear.first_page = base;
  clear.num_pages = static_cast<uint32_t>(end - base);
  clear.dirty_bitmap = mask_.view().words();
  return kvm_ioctl(slot_.vm_fd(), KVM_CLEAR_DIRTY_LOG, &clear,
                   "KVM_CLEAR_DIRTY_LOG");
}

Status DirtyBitmap::stop() { return slot_.set(false); }

Status DirtyBitmap::full() {
  return make_error(ErrorCode::kInternal,
                    "KVM reports a full dirty ring and there is none");
}

}  // namespace causeway::kvm
