#include "hypervisor-shim/kvm/vcpu_state.h"

#include <gtest/gtest.h>

#include "hypervisor-shim/kvm/kvm_list.h"
#include "hypervisor-shim/lab/state_sections.h"

namespace causeway::kvm {
namespace {

VcpuState some_state() {
  VcpuState state;
  state.regs.rip = 0x1234;
  state.sregs.cr3 = 0x80000;
  state.xcrs.nr_xcrs = 1;
  state.xsave.assign(kXsaveBytesMin, std::byte{3});
  state.msrs = {{0xc0000080, 0, 0xd01}, {0x174, 0, 8}};
  return state;
}

std::vector<std::byte> blob_of(const VcpuState& state) {
  lab::StateWriter out;
  state.add_to(out, 1);
  return out.finish();
}

TEST(VcpuState, GivesBackWhatWasSaved) {
  const auto blob = blob_of(some_state());
  const auto reader = lab::StateReader::parse(blob);
  ASSERT_TRUE(reader);
  const auto state = VcpuState::parse(*reader, 1);
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->regs.rip, 0x1234u);
  EXPECT_EQ(state->sregs.cr3, 0x80000u);
  EXPECT_EQ(state->xsave, some_state().xsave);
  ASSERT_EQ(state->msrs.size(), 2u);
  EXPECT_EQ(state->msrs[1].index, 0x174u);
  EXPECT_FALSE(VcpuState::parse(*reader, 0)) << "a vCPU that is not there";
}

void expect_refused(const VcpuState& state) {
  const auto blob = blob_of(state);
  const auto reader = lab::StateReader::parse(blob);
  ASSERT_TRUE(reader);
  const auto parsed = VcpuState::parse(*reader, 1);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, ErrorCode::kPeerBroken);
}

TEST(VcpuState, ValuesBeyondTheirBoundsAreRefused) {
  auto state = some_state();
  state.xcrs.nr_xcrs = KVM_MAX_XCRS + 1;
  expect_refused(state);
  state = some_state();
  state.xsave.resize(kXsaveBytesMin - 1);
  expect_refused(state);
  state = some_state();
  state.msrs.resize(5000);
  expect_refused(state);
}

// The sizes that the kernel has; see kvm_list.h.
TEST(KvmList, RequestNumbersAreTheKernels) {
  EXPECT_EQ(kKvmGetSupportedCpuid, 0xc008ae05u);
  EXPECT_EQ(kKvmSetCpuid2, 0x4008ae90u);
  EXPECT_EQ(kKvmGetMsrs, 0xc008ae88u);
  EXPECT_EQ(kKvmSetMsrs, 0x4008ae89u);
  EXPECT_EQ(kKvmGetMsrIndexList, 0xc004ae02u);
  EXPECT_EQ(kKvmGetXsave, 0x9000aea4u);
  EXPECT_EQ(kKvmSetXsave, 0x5000aea5u);
}

}  // namespace
}  // namespace causeway::kvm
