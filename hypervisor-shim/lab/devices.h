// Devices: what the guest's port calls reach: the halt, the disk, the notices.
#pragma once

#include <array>
#include <functional>
#include <memory>

#include "hypervisor-shim/lab/block_device.h"
#include "hypervisor-shim/lab/machine.h"
#include "hypervisor-shim/lab/sleeper.h"

namespace causeway::lab {

class Devices : public PortCalls {
 public:
  // `noticed` is called on the vCPU's thread.
  explicit Devices(std::function<void(uint32_t vcpu, uint32_t)> noticed)
      : noticed_(std::move(noticed)) {}

  // Before the machine starts. None: the guest has no disk.
  void attach_disk(std::unique_ptr<BlockDevice> disk);
  BlockDevice* disk() const { return disk_.get(); }

  void out(uint32_t vcpu, uint16_t port, uint32_t value) override;
  bool wake(uint32_t vcpu) override;

  // A disk completion for the vCPU.
  void completed(uint32_t vcpu);

 private:
  void halt(uint32_t vcpu, uint32_t value);

  std::function<void(uint32_t, uint32_t)> noticed_;
  std::array<Sleeper, GUEST_VCPUS_MAX> sleepers_;
  std::array<std::atomic<bool>, GUEST_VCPUS_MAX> waits_for_disk_{};
  std::unique_ptr<BlockDevice> disk_;
};

}  // namespace causeway::lab
