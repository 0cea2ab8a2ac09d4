// The VMM contract over causeway-vmm-process.
#include "tests/contract/vmm_contract.h"

namespace causeway {
namespace {

INSTANTIATE_TEST_SUITE_P(Process, VmmContract,
                         testing::Values(VmmUnderTest{
                             "causeway-vmm-process", "process-wp", {}}),
                         [](const auto&) { return std::string("wp"); });

}  // namespace
}  // namespace causeway
