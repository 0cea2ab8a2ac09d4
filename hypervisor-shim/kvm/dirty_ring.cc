#include "hypervisor-shim/kvm/dirty_ring.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#include "engine/base/assert.h"
#include "hypervisor-shim/kvm/kvm_device.h"
#include "hypervisor-shim/kvm/limits.h"

namespace causeway::kvm {

Result<std::unique_ptr<DirtyRing>> DirtyRing::create(MemorySlot& slot,
                                                     int capability,
                                                     uint32_t bytes_max) {
  const uint32_t bytes = std::min(kDirtyRingBytes, bytes_max);
  kvm_enable_cap enable{};
  enable.cap = static_cast<uint32_t>(capability);
  enable.args[0] = bytes;
  CAUSEWAY_TRY(kvm_ioctl(slot.vm_fd(), KVM_ENABLE_CAP, &enable,
                         "KVM_CAP_DIRTY_LOG_RING"));
  return std::unique_ptr<DirtyRing>(new DirtyRing(slot, bytes));
}

DirtyRing::DirtyRing(MemorySlot& slot, uint32_t bytes)
    : slot_(slot), bytes_(bytes), harvested_(slot.blocks()) {}

DirtyRing::~DirtyRing() {
  for (const Ring& ring : rings_) ::munmap(ring.entries, bytes_);
}

Status DirtyRing::add_vcpu(int vcpu_fd) {
  void* const at = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED,
                          vcpu_fd, KVM_DIRTY_LOG_PAGE_OFFSET * 4096);
  if (at == MAP_FAILED) return errno_error(errno, "map a vCPU's dirty ring");
  rings_.push_back({static_cast<kvm_dirty_gfn*>(at), 0});
  return {};
}

Status DirtyRing::start() {
  std::lock_guard lock(mutex_);
  CAUSEWAY_TRY(slot_.set(false));
  CAUSEWAY_TRY(harvest());
  harvested_.view().clear_range(0, harvested_.size());
  return slot_.set(true);
}

Status DirtyRing::collect(BitmapView into) {
  CAUSEWAY_ASSERT(into.size() == harvested_.size());
  std::lock_guard lock(mutex_);
  CAUSEWAY_TRY(harvest());
  into.absorb(harvested_.view());
  return {};
}

// Harvesting has done it.
Status DirtyRing::rearm(uint64_t, uint64_t) { return {}; }

Status DirtyRing::stop() { return slot_.set(false); }

Status DirtyRing::full() {
  std::lock_guard lock(mutex_);
  return harvest();
}

// KVM re-arms what was harvested, before this returns: a later write to such
// a page is recorded anew.
Status DirtyRing::harvest() {
  bool any = false;
  for (Ring& ring : rings_) any = harvest_ring(ring) || any;
  if (!any) return {};
  return kvm_ioctl(slot_.vm_fd(), KVM_RESET_DIRTY_RINGS, nullptr,
                   "KVM_RESET_DIRTY_RINGS");
}

bool DirtyRing::harvest_ring(Ring& ring) {
  const uint32_t count = bytes_ / sizeof(kvm_dirty_gfn);
  bool any = false;
  for (;;) {
    kvm_dirty_gfn& entry = ring.entries[ring.next % count];
    const uint32_t flags = __atomic_load_n(&entry.flags, __ATOMIC_ACQUIRE);
    if (!(flags & KVM_DIRTY_GFN_F_DIRTY)) return any;
    if (entry.slot == MemorySlot::kId && entry.offset < harvested_.size()) {
      harvested_.view().set(entry.offset);
    }
    __atomic_store_n(&entry.flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
    ring.next += 1;
    any = true;
  }
}

}  // namespace causeway::kvm
