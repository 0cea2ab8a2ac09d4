// KvmMachine: a Machine on /dev/kvm: one VM, one memory slot, no interrupt
// controller (lab guests take no interrupts).
#pragma once

#include <future>
#include <memory>
#include <vector>

#include "hypervisor-shim/kvm/cpu_features.h"
#include "hypervisor-shim/kvm/dirty_tracker.h"
#include "hypervisor-shim/kvm/kvm_device.h"
#include "hypervisor-shim/kvm/memory_slot.h"
#include "hypervisor-shim/kvm/vcpu.h"
#include "hypervisor-shim/lab/first_run.h"
#include "hypervisor-shim/lab/machine.h"
#include "hypervisor-shim/lab/options.h"

namespace causeway::kvm {

class KvmMachine : public lab::Machine {
 public:
  // The rest outlives the machine.
  static Result<std::unique_ptr<lab::Machine>> create(
      const lab::GuestOptions& options, const lab::GuestMemory& memory,
      lab::PortCalls& ports, lab::MachineEvents& events);
  ~KvmMachine() override;

  const char* hypervisor() const override { return "kvm"; }
  const char* tracker() const override { return tracker_->name(); }
  bool has_avx() const override { return features_.has_avx(); }

  Status start(bool running) override;
  Result<Instant> pause() override;
  Result<Instant> resume() override;
  Status save(lab::StateWriter& out) override;
  Status load(lab::StateReader& in) override;
  std::vector<std::byte> features() override;
  Status check_features(std::span<const std::byte> needed) override;
  Status dirty_start() override;
  Status dirty_collect(BitmapView into) override;
  Status dirty_rearm(uint64_t first, uint64_t blocks) override;
  Status dirty_stop() override;
  void stop() override;

 private:
  KvmMachine(KvmDevice device, CpuFeatures features, UniqueFd vm,
             const lab::GuestMemory& memory);
  Status make_tracker(lab::TrackerKind kind);
  Status set_slot(bool incoming);
  Status await_slot();
  Status make_vcpus(uint32_t count, lab::PortCalls& ports,
                    lab::MachineEvents& events);
  Status set_cpuid(const CpuFeatures& features);
  Status follow_host_tsc(int vcpu_fd);
  Status load_clock(const lab::StateReader& in);

  KvmDevice device_;
  CpuFeatures features_;  // of this VMM; a loaded guest keeps its own
  UniqueFd vm_;
  const lab::GuestMemory& memory_;
  MemorySlot slot_;
  std::future<Status> slot_set_;  // of a shell, until await_slot()
  std::unique_ptr<DirtyTracker> tracker_;
  lab::FirstRun first_run_;
  std::vector<std::unique_ptr<Vcpu>> vcpus_;
  std::vector<uint32_t> msrs_;
  size_t xsave_bytes_ = 0;
};

}  // namespace causeway::kvm
