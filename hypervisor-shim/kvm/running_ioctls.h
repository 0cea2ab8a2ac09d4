// What a KvmMachine asks of KVM once its guest runs or is awaited: all that its
// sandbox (lab/sandbox.h) lets through.
#pragma once

#include <array>

#include "hypervisor-shim/kvm/kvm_list.h"

namespace causeway::kvm {

inline constexpr std::array<unsigned long, 26> kRunningIoctls = {
    KVM_RUN,
    // state
    KVM_GET_REGS, KVM_SET_REGS, KVM_GET_SREGS, KVM_SET_SREGS, KVM_GET_XCRS,
    KVM_SET_XCRS, KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, KVM_GET_DEBUGREGS,
    KVM_SET_DEBUGREGS, KVM_GET_MP_STATE, KVM_SET_MP_STATE, kKvmGetXsave,
    kKvmGetXsave2, kKvmSetXsave, kKvmGetMsrs, kKvmSetMsrs, kKvmSetCpuid2,
    KVM_SET_DEVICE_ATTR, KVM_GET_CLOCK, KVM_SET_CLOCK,
    // dirty log
    KVM_SET_USER_MEMORY_REGION, KVM_GET_DIRTY_LOG, KVM_CLEAR_DIRTY_LOG,
    KVM_RESET_DIRTY_RINGS};

}  // namespace causeway::kvm
