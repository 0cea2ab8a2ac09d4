// MemorySlot: the guest's RAM as KVM knows it: slot 0, from GPA 0 on.
#pragma once

#include <cstdint>

#include "engine/base/result.h"
#include "hypervisor-shim/lab/guest_memory.h"

namespace causeway::kvm {

class MemorySlot {
 public:
  static constexpr uint32_t kId = 0;

  MemorySlot(int vm_fd, const lab::GuestMemory& memory)
      : vm_fd_(vm_fd), memory_(memory) {}

  // Sets the slot, or changes whether KVM logs writes to it.
  Status set(bool logging);

  int vm_fd() const { return vm_fd_; }
  uint64_t blocks() const { return memory_.bytes() / 4096; }

 private:
  int vm_fd_;
  const lab::GuestMemory& memory_;
};

}  // namespace causeway::kvm
