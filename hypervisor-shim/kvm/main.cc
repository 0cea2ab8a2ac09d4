// causeway-vmm-kvm: one lab guest on /dev/kvm.
#include "hypervisor-shim/kvm/kvm_machine.h"
#include "hypervisor-shim/kvm/running_ioctls.h"
#include "hypervisor-shim/lab/vmm.h"

int main(int argc, char** argv) {
  causeway::lab::VmmKind kind;
  kind.description = "Runs one lab guest on KVM, with Causeway's shim inside.";
  kind.make_machine = causeway::kvm::KvmMachine::create;
  kind.ioctls = causeway::kvm::kRunningIoctls;
  return causeway::lab::run_vmm(kind, argc, argv);
}
