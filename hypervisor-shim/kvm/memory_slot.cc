#include "hypervisor-shim/kvm/memory_slot.h"

#include "hypervisor-shim/kvm/kvm_device.h"

namespace causeway::kvm {

Status MemorySlot::set(bool logging) {
  kvm_userspace_memory_region region{};
  region.slot = kId;
  region.flags = logging ? KVM_MEM_LOG_DIRTY_PAGES : 0u;
  region.guest_phys_addr = 0;
  region.memory_size = memory_.bytes();
  region.userspace_addr = reinterpret_cast<uint64_t>(memory_.data());
  return kvm_ioctl(vm_fd_, KVM_SET_USER_MEMORY_REGION, &region,
                   "KVM_SET_USER_MEMORY_REGION");
}

}  // namespace causeway::kvm
