// The VMM contract over causeway-vmm-kvm, with either tracker.
#include "tests/contract/vmm_contract.h"

namespace causeway {
namespace {

INSTANTIATE_TEST_SUITE_P(
    Kvm, VmmContract,
    testing::Values(
        VmmUnderTest{"causeway-vmm-kvm", "kvm-bitmap", {"--tracker", "bitmap"}},
        VmmUnderTest{"causeway-vmm-kvm", "kvm-ring", {"--tracker", "ring"}}),
    [](const auto& tested) { return tested.param.tracker.substr(4); });

}  // namespace
}  // namespace causeway
