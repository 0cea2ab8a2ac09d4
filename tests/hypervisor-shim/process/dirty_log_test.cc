// The dirty-log contract over the process VMM's tracker.
#include "hypervisor-shim/process/process_machine.h"
#include "tests/contract/dirty_log_contract.h"

namespace causeway {
namespace {

Result<std::unique_ptr<lab::Machine>> make_machine(
    const lab::GuestMemory& memory, uint32_t vcpus, lab::PortCalls& ports,
    lab::MachineEvents& events) {
  lab::GuestOptions options;
  options.vcpus = vcpus;
  return process::ProcessMachine::create(options, memory, ports, events);
}

INSTANTIATE_TEST_SUITE_P(Process, DirtyLogContract,
                         testing::Values(DirtyLogTracker{"process-wp",
                                                         make_machine}),
                         [](const auto&) { return std::string("wp"); });

}  // namespace
}  // namespace causeway
