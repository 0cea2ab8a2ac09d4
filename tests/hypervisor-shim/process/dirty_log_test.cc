// The dirty-log contract over the process VMM's tracker.
#include "hypervisor-shim/process/process_machine.h"
#include "tests/contract/dirty_log_contract.h"

namespace causeway {
namespace {

Result<std::unique_ptr<lab::Machine>> make_machine(
    const lab::GuestMemory& memory, uint32_t vcpus, lab::PortCalls& ports,
    lab::MachineEvents& events) {
  CAUSEWAY_ASSIGN(auto machine, process::ProcessMachine::create(memory, vcpus,
                                                                ports, events));
  return std::unique_ptr<lab::Machine>(std::move(machine));
}

INSTANTIATE_TEST_SUITE_P(Process, DirtyLogContract,
                         testing::Values(DirtyLogTracker{"process-wp",
                                                         make_machine}),
                         [](const auto&) { return std::string("wp"); });

}  // namespace
}  // namespace causeway
