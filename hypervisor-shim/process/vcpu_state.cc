#include "hypervisor-shim/process/vcpu_state.h"

#include <signal.h>

#include <cstring>
#include <utility>

#include "hypervisor-shim/lab/state_sections.h"

namespace causeway::process {
namespace {

constexpr uint32_t kSectionRegisters = lab::kSectionMachine;
constexpr uint32_t kSectionXsave = lab::kSectionMachine + 1;

// The FXSAVE area: MXCSR and its mask, then what the kernel keeps for itself.
constexpr size_t kMxcsrOffset = 24;
constexpr size_t kMxcsrMaskOffset = 28;
constexpr size_t kKernelWordsOffset = 464;
constexpr size_t kXsaveHeadOffset = 512;
constexpr size_t kXsaveHeadBytes = 64;
constexpr uint32_t kMxcsrMaskDefault = 0xffbf;  // when the mask reads 0

// Arithmetic flags, direction, alignment check, ID, resume; interrupts are on
// and bit 1 is set in every user's RFLAGS. No trap flag, no I/O privilege.
constexpr uint64_t kRflagsFree = 0x250cd5;
constexpr uint64_t kRflagsFixed = 0x202;

template <typename T>
T load_at(const std::byte* from, size_t offset) {
  T value;
  std::memcpy(&value, from + offset, sizeof(value));
  return value;
}

const std::byte* area_of(const ucontext_t& frame) {
  return reinterpret_cast<const std::byte*>(frame.uc_mcontext.fpregs);
}

Error unusable(const char* what) {
  return make_error(ErrorCode::kPeerBroken, "the guest state is not usable: {}",
                    what);
}

bool all_zero(std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) {
    if (byte != std::byte{0}) return false;
  }
  return true;
}

// XRSTOR refuses these, and the kernel then kills the thread.
Status check_xsave(std::span<const std::byte> xsave,
                   const XsaveLayout& layout) {
  const std::byte* area = xsave.data();
  if ((load_at<uint32_t>(area, kMxcsrOffset) & ~layout.mxcsr_mask) != 0)
    return unusable("MXCSR has reserved bits");
  if ((load_at<uint64_t>(area, kXsaveHeadOffset) & ~layout.features) != 0)
    return unusable("it has register sets that this host does not save");
  if (!all_zero(xsave.subspan(kXsaveHeadOffset + 8, kXsaveHeadBytes - 8)))
    return unusable("the head of its XSAVE area has reserved bits");
  return {};
}

}  // namespace

Result<XsaveLayout> layout_of(const ucontext_t& frame) {
  const std::byte* area = area_of(frame);
  const auto words = load_at<_fpx_sw_bytes>(area, kKernelWordsOffset);
  if (words.magic1 != FP_XSTATE_MAGIC1 ||
      words.xstate_size < kXsaveHeadOffset + kXsaveHeadBytes) {
    return make_error(ErrorCode::kIncompatible,
                      "process VMM: the kernel keeps no XSAVE area in signal "
                      "frames; the host's CPU is too old");
  }
  XsaveLayout layout;
  layout.features = words.xstate_bv;
  layout.bytes = words.xstate_size;
  layout.mxcsr_mask = load_at<uint32_t>(area, kMxcsrMaskOffset);
  if (layout.mxcsr_mask == 0) layout.mxcsr_mask = kMxcsrMaskDefault;
  return layout;
}

void capture(const ucontext_t& frame, const XsaveLayout& layout,
             VcpuState& state) {
  std::memcpy(state.registers.data(), frame.uc_mcontext.gregs,
              sizeof(state.registers));
  state.xsave.resize(layout.bytes);
  std::memcpy(state.xsave.data(), area_of(frame), layout.bytes);
  std::memset(state.xsave.data() + kKernelWordsOffset, 0,
              kXsaveHeadOffset - kKernelWordsOffset);
}

void install(const VcpuState& state, const XsaveLayout& layout,
             ucontext_t& frame) {
  CAUSEWAY_ASSERT(state.xsave.size() == layout.bytes);
  std::memcpy(frame.uc_mcontext.gregs, state.registers.data(),
              sizeof(state.registers));
  auto* area = reinterpret_cast<std::byte*>(frame.uc_mcontext.fpregs);
  std::memcpy(area, state.xsave.data(), kKernelWordsOffset);
  std::memcpy(area + kXsaveHeadOffset, state.xsave.data() + kXsaveHeadOffset,
              layout.bytes - kXsaveHeadOffset);
}

void set_entry(uint64_t instruction, uint64_t argument, VcpuState& state) {
  state.registers.fill(0);
  state.registers[REG_RIP] = instruction;
  state.registers[REG_RDI] = argument;
  state.registers[REG_EFL] = kRflagsFixed;
}

Status check_state(const VcpuState& state, const XsaveLayout& layout,
                   const GuestWindow& window) {
  if (state.xsave.size() != layout.bytes) {
    return make_error(ErrorCode::kIncompatible,
                      "the guest state has an XSAVE area of {} bytes, this "
                      "host's CPU has one of {}: use hosts with the same CPU",
                      state.xsave.size(), layout.bytes);
  }
  if (!window.contains(state.registers[REG_RIP]))
    return unusable("a vCPU is outside the guest's memory");
  const uint64_t flags = state.registers[REG_EFL];
  if ((flags & ~kRflagsFree) != kRflagsFixed)
    return unusable("RFLAGS has bits that no user program has");
  return check_xsave(state.xsave, layout);
}

void save_vcpu(const VcpuState& state, uint32_t index, lab::StateWriter& out) {
  out.add_struct(kSectionRegisters, index, state.registers);
  out.add(kSectionXsave, index, state.xsave);
}

Result<VcpuState> load_vcpu(const lab::StateReader& in, uint32_t index,
                            const XsaveLayout& layout,
                            const GuestWindow& window) {
  VcpuState state;
  CAUSEWAY_TRY(in.read_struct(kSectionRegisters, index, &state.registers));
  CAUSEWAY_ASSIGN(const auto xsave, in.find(kSectionXsave, index));
  state.xsave.assign(xsave.begin(), xsave.end());
  CAUSEWAY_TRY(check_state(state, layout, window));
  return state;
}

}  // namespace causeway::process
