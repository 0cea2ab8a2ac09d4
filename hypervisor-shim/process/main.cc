// causeway-vmm-process: one lab guest as a plain process, for hosts without
// /dev/kvm.
#include "hypervisor-shim/lab/vmm.h"
#include "hypervisor-shim/process/process_machine.h"
#include "hypervisor-shim/process/running_ioctls.h"

int main(int argc, char** argv) {
  using namespace causeway;  // NOLINT
  lab::VmmKind kind;
  kind.description =
      "A lab guest as a plain process, for hosts without /dev/kvm. Its RAM, "
      "vCPU state and disk migrate as those of a virtual machine do.";
  kind.make_machine = process::ProcessMachine::create;
  kind.ioctls = process::kRunningIoctls;
  return lab::run_vmm(kind, argc, argv);
}
