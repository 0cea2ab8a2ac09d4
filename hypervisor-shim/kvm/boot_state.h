// Boot state: long mode, ring 3, made from outside, so that the guest program
// runs at once and never needs ring 0 (which a paravirtual KVM emulates,
// slowly).
#pragma once

#include "engine/base/result.h"
#include "hypervisor-shim/lab/guest_memory.h"

namespace causeway::kvm {

// Page tables that map GUEST_VIRTUAL_BASE + x to GPA x in 2 MiB pages, and the
// task state segment that permits the ports.
void write_boot_pages(const lab::GuestMemory& memory);

// Registers of a vCPU at the program's entry. Its CPUID is set.
Status set_boot_registers(int vcpu_fd, uint32_t vcpu, uint64_t xcr0);

}  // namespace causeway::kvm
