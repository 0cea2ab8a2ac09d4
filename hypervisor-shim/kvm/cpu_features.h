// CpuFeatures: the CPUID that a guest sees, and what it needs of a host.
//
// As bytes: u32 entries | { u32 function, index, flags, eax, ebx, ecx, edx }..
#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "engine/base/result.h"

namespace causeway::kvm {

class CpuFeatures {
 public:
  // All that this host's KVM offers, less `mask` (names as in
  // /proc/cpuinfo); an unknown name is kInvalidArgument.
  static Result<CpuFeatures> of_host(int kvm_fd,
                                     const std::vector<std::string>& mask);
  // Bytes from another host.
  static Result<CpuFeatures> parse(std::span<const std::byte> bytes);

  std::vector<std::byte> serialize() const;

  // kIncompatible names what `needed` has and this lacks.
  Status check_covers(const CpuFeatures& needed) const;

  bool has_avx() const;
  // XCR0 with all state components that the guest may use.
  uint64_t xcr0() const;

  // The entries for one vCPU (APIC ids differ).
  std::vector<kvm_cpuid_entry2> entries_for(uint32_t vcpu) const;

 private:
  kvm_cpuid_entry2* find(uint32_t function, uint32_t index);
  const kvm_cpuid_entry2* find(uint32_t function, uint32_t index) const;
  bool has_xsave() const;
  Status hide(const std::string& name);
  void hide_unusable();

  std::vector<kvm_cpuid_entry2> entries_;
};

}  // namespace causeway::kvm
