// DirtyRing: each vCPU records the pages it writes in a ring that we map; a
// harvested entry re-arms its page. The cost follows what was written, not
// how large the guest is.
#pragma once

#include <linux/kvm.h>

#include <memory>
#include <mutex>
#include <vector>

#include "hypervisor-shim/kvm/dirty_tracker.h"
#include "hypervisor-shim/kvm/memory_slot.h"

namespace causeway::kvm {

class DirtyRing : public DirtyTracker {
 public:
  // Enables the capability of the VM, which has no vCPU yet. `bytes_max`: what
  // this KVM allows. The slot outlives the tracker.
  static Result<std::unique_ptr<DirtyRing>> create(MemorySlot& slot,
                                                   int capability,
                                                   uint32_t bytes_max);
  ~DirtyRing() override;

  const char* name() const override { return "kvm-ring"; }
  Status add_vcpu(int vcpu_fd) override;
  Status start() override;
  Status collect(BitmapView into) override;
  Status rearm(uint64_t first, uint64_t blocks) override;
  Status stop() override;
  Status full() override;

 private:
  struct Ring {
    kvm_dirty_gfn* entries;
    uint32_t next;
  };

  DirtyRing(MemorySlot& slot, uint32_t bytes);
  Status harvest();  // mutex_ held
  bool harvest_ring(Ring& ring);

  MemorySlot& slot_;
  uint32_t bytes_;
  std::mutex mutex_;  // a vCPU's full() beside collect()
  std::vector<Ring> rings_;
  Bitmap harvested_;  // since the last collect
};

}  // namespace causeway::kvm
