#include "hypervisor-shim/lab/devices.h"

namespace causeway::lab {

void Devices::attach_disk(std::unique_ptr<BlockDevice> disk) {
  disk_ = std::move(disk);
}

void Devices::out(uint32_t vcpu, uint16_t port, uint32_t value) {
  CAUSEWAY_ASSERT(vcpu < GUEST_VCPUS_MAX);
  switch (port) {
    case GUEST_PORT_HALT:
      halt(vcpu, value);
      break;
    case GUEST_PORT_DISK:
      if (disk_) disk_->submit(vcpu, value);
      break;
    case GUEST_PORT_NOTIFY:
      noticed_(vcpu, value);
      break;
    default:
      break;  // an unknown port is open bus
  }
}

void Devices::halt(uint32_t vcpu, uint32_t value) {
  const bool for_disk = (value & GUEST_HALT_FOR_DISK) != 0;
  waits_for_disk_[vcpu].store(for_disk, std::memory_order_seq_cst);
  sleepers_[vcpu].sleep(std::chrono::microseconds(value & GUEST_HALT_US_MASK));
  waits_for_disk_[vcpu].store(false, std::memory_order_seq_cst);
}

bool Devices::wake(uint32_t vcpu) {
  CAUSEWAY_ASSERT(vcpu < GUEST_VCPUS_MAX);
  const bool was_asleep = sleepers_[vcpu].asleep();
  sleepers_[vcpu].wake();
  return was_asleep;
}

// The guest looks for completions before it halts; one that comes between its
// look and its sleep costs one short halt, never a lost request.
void Devices::completed(uint32_t vcpu) {
  if (waits_for_disk_[vcpu].load(std::memory_order_seq_cst)) {
    sleepers_[vcpu].wake();
  }
}

}  // namespace causeway::lab
