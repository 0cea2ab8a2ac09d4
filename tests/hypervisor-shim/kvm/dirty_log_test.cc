// The dirty-log contract over the KVM VMM's two trackers.
#include "hypervisor-shim/kvm/kvm_machine.h"
#include "tests/contract/dirty_log_contract.h"

namespace causeway {
namespace {

MachineFactory with_tracker(lab::TrackerKind tracker) {
  return [tracker](const lab::GuestMemory& memory, uint32_t vcpus,
                   lab::PortCalls& ports, lab::MachineEvents& events) {
    lab::GuestOptions options;
    options.name = "contract";
    options.memory_bytes = memory.bytes();
    options.vcpus = vcpus;
    options.tracker = tracker;
    return kvm::KvmMachine::create(options, memory, ports, events);
  };
}

INSTANTIATE_TEST_SUITE_P(
    Kvm, DirtyLogContract,
    testing::Values(
        DirtyLogTracker{"kvm-bitmap", with_tracker(lab::TrackerKind::kBitmap)},
        DirtyLogTracker{"kvm-ring", with_tracker(lab::TrackerKind::kRing)}),
    [](const auto& tested) { return tested.param.name.substr(4); });

}  // namespace
}  // namespace causeway
