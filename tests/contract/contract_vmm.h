// ContractVmm: a VMM for the dirty-log contract. A lab Machine runs a tiny
// guest program that writes exactly what the test orders; the real shim serves
// it on a real socket, and the test looks at it through ShimGuest alone.
//
// Regions: 0 = RAM of kRamBlocks, 1 = a disk of kDiskBlocks. Blocks from
// kFirstDataBlock on are the test's; what is before belongs to program and
// machine.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "engine/base/result.h"
#include "hypervisor-shim/client/shim_guest.h"
#include "hypervisor-shim/embed/causeway_shim.h"
#include "hypervisor-shim/lab/guest_memory.h"
#include "hypervisor-shim/lab/machine.h"
#include "hypervisor-shim/lab/sleeper.h"

namespace causeway {

using MachineFactory = std::function<Result<std::unique_ptr<lab::Machine>>(
    const lab::GuestMemory& memory, uint32_t vcpus, lab::PortCalls& ports,
    lab::MachineEvents& events)>;

class ContractVmm : private lab::PortCalls, private lab::MachineEvents {
 public:
  static constexpr uint64_t kRamBlocks = 8192;
  static constexpr uint64_t kDiskBlocks = 256;
  static constexpr uint64_t kFirstDataBlock = 2048;
  static constexpr uint64_t kDataBlocks = kRamBlocks - kFirstDataBlock;
  static constexpr uint32_t kVcpus = 2;

  // The guest runs, and its vCPUs halt. An Error when the host lacks what the
  // machine needs.
  static Result<std::unique_ptr<ContractVmm>> create(
      const MachineFactory& make_machine);
  ~ContractVmm() override;

  ShimGuest& guest() { return *guest_; }
  DirtyLog& log() { return guest_->dirty_log(); }

  // vCPU `vcpu` writes `value` to the begin of a RAM block; returns once it
  // has.
  void write(uint32_t vcpu, uint64_t block, uint64_t value);
  // All vCPUs write to `blocks` (a power of two) blocks from kFirstDataBlock
  // on, in a random order, until write_nothing().
  void write_at_random(uint64_t blocks);
  void write_nothing();
  uint64_t random_writes() const;

  // A device writes 8 bytes, and says so.
  void device_write(RegionId region, uint64_t block, uint64_t value);

  // What a mover sees.
  std::span<const std::byte> block(RegionId region, uint64_t block) const;

 private:
  struct Orders;

  explicit ContractVmm(lab::GuestMemory memory, UniqueFd disk,
                       std::byte* disk_data);
  Status start(const MachineFactory& make_machine);
  Status start_shim();
  Orders* orders(uint32_t vcpu) const;
  void order(uint32_t vcpu, uint64_t mode);
  static cw_vmm_ops ops();

  void out(uint32_t vcpu, uint16_t port, uint32_t value) override;
  bool wake(uint32_t vcpu) override;
  void guest_died(const std::string& why) override;

  lab::GuestMemory memory_;
  UniqueFd disk_;
  std::byte* disk_data_;
  lab::Sleeper sleepers_[kVcpus];
  std::unique_ptr<lab::Machine> machine_;
  std::atomic<bool> died_{false};
  cw_shim* shim_ = nullptr;
  std::string directory_;
  std::string socket_path_;
  std::unique_ptr<ShimGuest> guest_;
};

}  // namespace causeway
