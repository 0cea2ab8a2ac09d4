// Vmm: one lab guest in this process: memory, disk, clock, machine, shim and
// monitor, and run_vmm(), the main function of both lab VMMs.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>

#include "engine/base/result.h"
#include "hypervisor-shim/embed/causeway_shim.h"
#include "hypervisor-shim/lab/device_writes.h"
#include "hypervisor-shim/lab/devices.h"
#include "hypervisor-shim/lab/guest_clock.h"
#include "hypervisor-shim/lab/guest_control.h"
#include "hypervisor-shim/lab/guest_memory.h"
#include "hypervisor-shim/lab/machine.h"
#include "hypervisor-shim/lab/monitor.h"
#include "hypervisor-shim/lab/options.h"

namespace causeway::lab {

// What a VMM brings along. The memory, ports and events outlive the machine.
struct VmmKind {
  std::string description;
  uint64_t memory_address = 0;  // where RAM must be mapped; 0: anywhere
  std::function<Result<std::unique_ptr<Machine>>(
      const GuestOptions&, const GuestMemory&, PortCalls&, MachineEvents&)>
      make_machine;
  // What the machine asks of the kernel once the guest runs or is awaited.
  std::span<const unsigned long> ioctls;
};

class Vmm : private DeviceWrites, private MachineEvents {
 public:
  // The guest runs (or waits, incoming) when this returns. `stop_requested`
  // is called on the monitor's thread.
  static Result<std::unique_ptr<Vmm>> create(
      const VmmKind& kind, GuestOptions options,
      std::function<void()> stop_requested);
  ~Vmm() override;

  // The functions behind cw_vmm_ops, on the shim's service thread.
  Result<Instant> pause();
  Result<Instant> resume();
  Result<std::vector<std::byte>> save_state();
  Status load_state(std::span<const std::byte> state);
  Status dirty_collect(uint64_t* bitmap);
  Machine& machine() { return *machine_; }

 private:
  enum class State { kIncoming, kRunning, kPaused, kDied, kStopped };

  Vmm(GuestOptions options, GuestMemory memory,
      std::function<void()> stop_requested);
  Status start(const VmmKind& kind);
  Status set_up_disk(DiskFile file);
  Status set_up_machine(const VmmKind& kind);
  Status set_up_shim();
  Status set_up_monitor();
  Status check_alive() const;  // the error says why the guest died

  void wrote(uint32_t region, uint64_t offset, uint64_t bytes) override;
  void guest_died(const std::string& why) override;
  void noticed(uint32_t vcpu, uint32_t notice);

  std::optional<nlohmann::json> serve(const nlohmann::json& request);
  std::optional<nlohmann::json> finished();
  nlohmann::json status() const;
  Status start_check();
  Status flip_bit(const nlohmann::json& request);
  Status require_running(const char* to) const;
  State state() const;
  const char* state_name() const;

  GuestOptions options_;
  GuestMemory memory_;
  std::function<void()> stop_requested_;
  Devices devices_;
  GuestClockDevice clock_;
  std::unique_ptr<GuestControl> control_;
  std::unique_ptr<Machine> machine_;
  cw_shim* shim_ = nullptr;
  std::unique_ptr<Monitor> monitor_;

  // Guards the machine against the end of the VMM.
  std::mutex machine_mutex_;
  bool loaded_ = false;

  mutable std::mutex state_mutex_;
  State state_ = State::kIncoming;
  std::string died_why_;
  std::vector<uint64_t> arrived_steps_;  // of each vCPU, when it came here

  // Of the monitor's thread.
  std::optional<uint32_t> check_sequence_;
  std::optional<std::chrono::steady_clock::time_point> not_running_since_;
};

// The whole program: options, ready line, guest, end. Returns the exit code.
int run_vmm(const VmmKind& kind, int argc, const char* const* argv);

}  // namespace causeway::lab
