// ProcessMachine: a lab guest without /dev/kvm. The guest program runs as
// threads of this process, at user level, in a mapping of its RAM; `out` traps
// as a fault. For hosts where KVM is missing, and for tests: nothing keeps the
// program from the VMM's own memory.
#pragma once

#include <memory>
#include <vector>

#include "engine/base/result.h"
#include "hypervisor-shim/lab/first_run.h"
#include "hypervisor-shim/lab/guest_memory.h"
#include "hypervisor-shim/lab/machine.h"
#include "hypervisor-shim/lab/options.h"
#include "hypervisor-shim/process/mapped_window.h"
#include "hypervisor-shim/process/vcpu_thread.h"
#include "hypervisor-shim/process/write_protect_tracker.h"

namespace causeway::process {

class ProcessMachine : public lab::Machine {
 public:
  // One at a time in a process; memory, ports and events outlive it.
  // kIncompatible: the kernel lacks what the tracker needs.
  static Result<std::unique_ptr<lab::Machine>> create(
      const lab::GuestOptions& options, const lab::GuestMemory& memory,
      lab::PortCalls& ports, lab::MachineEvents& events);
  ~ProcessMachine() override;

  const char* hypervisor() const override { return "process"; }
  const char* tracker() const override { return "process-wp"; }

  bool has_avx() const override;

  Status start(bool running) override;
  Result<Instant> pause() override;
  Result<Instant> resume() override;
  Status save(lab::StateWriter& out) override;
  Status load(lab::StateReader& in) override;
  std::vector<std::byte> features() override;
  Status check_features(std::span<const std::byte> needed) override;
  Status dirty_start() override;
  Status dirty_collect(BitmapView into) override;
  // collect() re-arms what it reports.
  Status dirty_rearm(uint64_t, uint64_t) override { return {}; }
  Status dirty_stop() override;
  void stop() override;

 private:
  ProcessMachine(const lab::GuestMemory& memory, MappedWindow window,
                 WriteProtectTracker tracker, lab::PortCalls& ports);

  GuestWindow window() const;

  const lab::GuestMemory& memory_;
  MappedWindow window_;
  WriteProtectTracker tracker_;
  lab::PortCalls& ports_;
  lab::FirstRun first_run_;
  std::vector<std::unique_ptr<VcpuThread>> vcpus_;
  XsaveLayout layout_;      // of the host
  XsaveLayout offered_;     // to guests: less what --cpu-mask names
  bool has_state_ = false;  // an entry or a loaded state: can run
  bool running_ = false;
};

}  // namespace causeway::process
