// The vCPU state of a process guest: there and back, and every way in which
// bytes from another host may be unfit for a signal frame.
#include "hypervisor-shim/process/vcpu_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "hypervisor-shim/lab/guest_abi.h"
#include "hypervisor-shim/process/cpu_features.h"

namespace causeway::process {
namespace {

using testing::HasSubstr;

constexpr XsaveLayout kLayout{0x7, 832, 0xffff};
constexpr GuestWindow kWindow{GUEST_VIRTUAL_BASE, 64u << 20};
constexpr size_t kMxcsr = 24;
constexpr size_t kXsaveHead = 512;

template <typename T>
void put(VcpuState& state, size_t offset, T value) {
  std::memcpy(state.xsave.data() + offset, &value, sizeof(value));
}

VcpuState good_state() {
  VcpuState state;
  state.xsave.resize(kLayout.bytes);
  put(state, kMxcsr, uint32_t{0x1f80});
  put(state, kXsaveHead, uint64_t{0x7});
  set_entry(GUEST_VIRTUAL_BASE + GUEST_PROGRAM_GPA, 3, state);
  return state;
}

Result<VcpuState> there_and_back(const VcpuState& state) {
  lab::StateWriter writer;
  save_vcpu(state, 2, writer);
  const auto blob = writer.finish();
  CAUSEWAY_ASSIGN(const auto reader, lab::StateReader::parse(blob));
  return load_vcpu(reader, 2, kLayout, kWindow);
}

void expect_refused(const VcpuState& state, ErrorCode code,
                    const char* sentence) {
  const auto back = there_and_back(state);
  ASSERT_FALSE(back) << sentence;
  EXPECT_EQ(back.error().code, code);
  EXPECT_THAT(back.error().message, HasSubstr(sentence));
}

TEST(VcpuStateTest, ThereAndBack) {
  VcpuState state = good_state();
  state.registers[REG_R15] = 0x1122334455667788;
  state.xsave.back() = std::byte{0x5a};
  const auto back = there_and_back(state);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->registers, state.registers);
  EXPECT_EQ(back->xsave, state.xsave);
}

TEST(VcpuStateTest, InstructionOutsideTheGuestIsRefused) {
  VcpuState state = good_state();
  for (const uint64_t rip :
       {uint64_t{0}, kWindow.base - 1, kWindow.base + kWindow.bytes}) {
    state.registers[REG_RIP] = rip;
    expect_refused(state, ErrorCode::kPeerBroken, "outside the guest's");
  }
}

TEST(VcpuStateTest, FlagsOfNoUserProgramAreRefused) {
  VcpuState state = good_state();
  for (const uint64_t flags : {0x302, 0x3202, 0x2, 0x4202, 0x20202}) {
    state.registers[REG_EFL] = static_cast<long long>(flags);
    expect_refused(state, ErrorCode::kPeerBroken, "RFLAGS");
  }
  // All that arithmetic leaves, direction and resume.
  state.registers[REG_EFL] = 0x10ed7;
  EXPECT_TRUE(there_and_back(state));
}

TEST(VcpuStateTest, ReservedBitsOfTheXsaveAreaAreRefused) {
  VcpuState state = good_state();
  put(state, kMxcsr, uint32_t{0x11f80});
  expect_refused(state, ErrorCode::kPeerBroken, "MXCSR");
  state = good_state();
  put(state, kXsaveHead, uint64_t{0xe7});
  expect_refused(state, ErrorCode::kPeerBroken, "register sets");
  state = good_state();
  put(state, kXsaveHead + 8, uint64_t{1} << 63);
  expect_refused(state, ErrorCode::kPeerBroken, "reserved bits");
  state = good_state();
  state.xsave[kXsaveHead + 63] = std::byte{1};
  expect_refused(state, ErrorCode::kPeerBroken, "reserved bits");
}

TEST(VcpuStateTest, AreaOfAnotherSizeIsIncompatible) {
  VcpuState state = good_state();
  state.xsave.resize(2696);
  expect_refused(state, ErrorCode::kIncompatible, "2696 bytes");
  state.xsave.resize(100);
  expect_refused(state, ErrorCode::kIncompatible, "100 bytes");
}

TEST(VcpuStateTest, MissingVcpuIsRefused) {
  lab::StateWriter writer;
  save_vcpu(good_state(), 0, writer);
  const auto blob = writer.finish();
  const auto reader = lab::StateReader::parse(blob);
  ASSERT_TRUE(reader);
  EXPECT_FALSE(load_vcpu(*reader, 1, kLayout, kWindow));
}

TEST(CpuFeaturesTest, TheSameHostFits) {
  const Status same = compare_features(list_features(kLayout), kLayout);
  EXPECT_TRUE(same) << same.error().message;
}

TEST(CpuFeaturesTest, MissingRegisterSetsAreNamed) {
  const auto needed = list_features({0xe7, 2696, 0xffff});
  const Status compared = compare_features(needed, kLayout);
  ASSERT_FALSE(compared);
  EXPECT_EQ(compared.error().code, ErrorCode::kIncompatible);
  EXPECT_THAT(compared.error().message, HasSubstr("AVX-512 masks"));
  EXPECT_THAT(compared.error().message, HasSubstr("AVX-512 ZMM16-31"));
}

TEST(CpuFeaturesTest, HiddenFeaturesAreMissing) {
  const auto hidden = hide_features(kLayout, {"avx"});
  ASSERT_TRUE(hidden);
  EXPECT_TRUE(saves_avx(kLayout));
  EXPECT_FALSE(saves_avx(*hidden));
  EXPECT_THAT(compare_features(list_features(kLayout), *hidden).error().message,
              HasSubstr("register sets AVX"));
  EXPECT_EQ(hide_features(kLayout, {"sse9"}).error().code,
            ErrorCode::kInvalidArgument);
}

TEST(CpuFeaturesTest, AnotherLayoutOrVendorIsIncompatible) {
  const auto needed = list_features({0x3, 576, 0xffff});
  EXPECT_THAT(compare_features(needed, kLayout).error().message,
              HasSubstr("576 bytes"));
  auto other = list_features(kLayout);
  other[4] = std::byte{'?'};
  EXPECT_THAT(compare_features(other, kLayout).error().message,
              HasSubstr("another vendor"));
}

TEST(CpuFeaturesTest, CutOrLongListsAreRefused) {
  auto needed = list_features(kLayout);
  needed.push_back(std::byte{0});
  EXPECT_EQ(compare_features(needed, kLayout).error().code,
            ErrorCode::kPeerBroken);
  needed.resize(needed.size() - 2);
  EXPECT_EQ(compare_features(needed, kLayout).error().code,
            ErrorCode::kPeerBroken);
}

}  // namespace
}  // namespace causeway::process
