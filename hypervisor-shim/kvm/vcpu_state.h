// VcpuState: all that KVM keeps of a vCPU, between ioctls and the sections of
// the state blob.
//
// Not carried: the TSC and what follows it (IA32_TSC, TSC_ADJUST,
// TSC_DEADLINE). A guest's TSC is its host's; guest time is the clock page's.
#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/result.h"
#include "hypervisor-shim/lab/state_blob.h"

namespace causeway::kvm {

struct VcpuState {
  kvm_regs regs{};
  kvm_sregs sregs{};
  kvm_xcrs xcrs{};
  kvm_vcpu_events events{};
  kvm_debugregs debugregs{};
  kvm_mp_state mp_state{};
  std::vector<std::byte> xsave;
  std::vector<kvm_msr_entry> msrs;

  void add_to(lab::StateWriter& out, uint32_t vcpu) const;

  // Bytes from another host; no ioctl. The kernel judges the values.
  static Result<VcpuState> parse(const lab::StateReader& in, uint32_t vcpu);
};

// The MSRs of a vCPU that KVM lets us read and write back.
Result<std::vector<uint32_t>> carried_msrs(int kvm_fd, int vcpu_fd);

// The vCPU does not run.
Result<VcpuState> read_vcpu(int vcpu_fd, size_t xsave_bytes,
                            std::span<const uint32_t> msrs);
Status write_vcpu(int vcpu_fd, size_t xsave_bytes, const VcpuState& state);

}  // namespace causeway::kvm
