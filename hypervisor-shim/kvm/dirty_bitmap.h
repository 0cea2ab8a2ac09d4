// DirtyBitmap: KVM_GET_DIRTY_LOG with manual protect and all bits set at the
// start: logging begins at once, whatever the guest's size, and a page costs
// its write fault only after it was re-armed to be read.
#pragma once

#include <vector>

#include "hypervisor-shim/kvm/dirty_tracker.h"
#include "hypervisor-shim/kvm/memory_slot.h"

namespace causeway::kvm {

class DirtyBitmap : public DirtyTracker {
 public:
  // Enables the capability of the VM. The slot outlives the tracker.
  static Result<std::unique_ptr<DirtyBitmap>> create(MemorySlot& slot);

  const char* name() const override { return "kvm-bitmap"; }
  Status add_vcpu(int vcpu_fd) override;
  Status start() override;
  Status collect(BitmapView into) override;
  Status rearm(uint64_t first, uint64_t blocks) override;
  Status stop() override;
  Status full() override;

 private:
  explicit DirtyBitmap(MemorySlot& slot);
  Status clear_chunk(uint64_t first, uint64_t blocks);

  MemorySlot& slot_;
  Bitmap log_;  // KVM's answer
  // What start() or a collect() reported and no rearm() has cleared since. A
  // bit that KVM has set since the last collect is not in here, so a rearm of
  // a range that holds it does not lose it.
  Bitmap reported_;
  Bitmap mask_;  // of one chunk
};

}  // namespace causeway::kvm
