// DirtyTracker: which pages the vCPUs wrote, by KVM's dirty bitmap or by its
// dirty ring. The contract is that of cw_vmm_ops' dirty functions, for the one
// memory slot. KVM does not see the VMM's own writes.
//
// Threads: full() on vCPU threads; the rest by one thread at a time.
#pragma once

#include <cstdint>

#include "engine/base/bitmap.h"
#include "engine/base/result.h"

namespace causeway::kvm {

class DirtyTracker {
 public:
  virtual ~DirtyTracker() = default;
  virtual const char* name() const = 0;  // "kvm-bitmap", "kvm-ring"

  // Before the vCPU first runs.
  virtual Status add_vcpu(int vcpu_fd) = 0;

  // Guests run at full speed until start() and after stop().
  virtual Status start() = 0;
  virtual Status collect(BitmapView into) = 0;
  virtual Status rearm(uint64_t first, uint64_t blocks) = 0;
  virtual Status stop() = 0;

  // A vCPU left the guest because it has no room to record a write.
  virtual Status full() = 0;
};

}  // namespace causeway::kvm
