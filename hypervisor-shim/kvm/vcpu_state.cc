#include "hypervisor-shim/kvm/vcpu_state.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "hypervisor-shim/kvm/kvm_device.h"
#include "hypervisor-shim/kvm/kvm_list.h"
#include "hypervisor-shim/kvm/limits.h"
#include "hypervisor-shim/lab/limits.h"
#include "hypervisor-shim/lab/state_sections.h"

namespace causeway::kvm {

namespace {

constexpr uint32_t kBase = lab::kSectionMachine + 0x10;
constexpr uint32_t kSectionRegs = kBase + 0;
constexpr uint32_t kSectionSregs = kBase + 1;
constexpr uint32_t kSectionXcrs = kBase + 2;
constexpr uint32_t kSectionEvents = kBase + 3;
constexpr uint32_t kSectionDebugregs = kBase + 4;
constexpr uint32_t kSectionMpState = kBase + 5;
constexpr uint32_t kSectionXsave = kBase + 6;
constexpr uint32_t kSectionMsrs = kBase + 7;

constexpr std::array<uint32_t, 3> kTscMsrs = {0x10, 0x3b, 0x6e0};

bool can_carry(int vcpu_fd, uint32_t index) {
  kvm_msr_entry entry{};
  entry.index = index;
  MsrList list(std::span<const kvm_msr_entry>(&entry, 1));
  return ::ioctl(vcpu_fd, kKvmGetMsrs, list.data()) == 1 &&
         ::ioctl(vcpu_fd, kKvmSetMsrs, list.data()) == 1;
}

Result<std::vector<uint32_t>> msr_index_list(int kvm_fd) {
  MsrIndexList list(kMsrsMax);
  CAUSEWAY_TRY(kvm_ioctl(kvm_fd, kKvmGetMsrIndexList, list.data(),
                         "KVM_GET_MSR_INDEX_LIST"));
  return list.entries();
}

Status write_msrs(int vcpu_fd, std::span<const kvm_msr_entry> msrs) {
  MsrList list(msrs);
  const int set = ::ioctl(vcpu_fd, kKvmSetMsrs, list.data());
  if (set == static_cast<int>(msrs.size())) return {};
  if (set < 0) return errno_error(errno, "KVM_SET_MSRS");
  const auto& refused = msrs[static_cast<size_t>(set)];
  return make_error(ErrorCode::kIncompatible,
                    "this host's KVM refuses the guest's MSR {:#x} = {:#x}",
                    refused.index, refused.data);
}

template <typename T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

// KVM_GET_XSAVE2 where the state may exceed struct kvm_xsave.
unsigned long get_xsave_request(size_t bytes) {
  return bytes > kXsaveBytesMin ? kKvmGetXsave2 : kKvmGetXsave;
}

}  // namespace

Result<std::vector<uint32_t>> carried_msrs(int kvm_fd, int vcpu_fd) {
  CAUSEWAY_ASSIGN(auto indices, msr_index_list(kvm_fd));
  std::erase_if(indices, [vcpu_fd](uint32_t index) {
    const bool of_tsc =
        std::find(kTscMsrs.begin(), kTscMsrs.end(), index) != kTscMsrs.end();
    return of_tsc || !can_carry(vcpu_fd, index);
  });
  return indices;
}

void VcpuState::add_to(lab::StateWriter& out, uint32_t vcpu) const {
  out.add_struct(kSectionRegs, vcpu, regs);
  out.add_struct(kSectionSregs, vcpu, sregs);
  out.add_struct(kSectionXcrs, vcpu, xcrs);
  out.add_struct(kSectionEvents, vcpu, events);
  out.add_struct(kSectionDebugregs, vcpu, debugregs);
  out.add_struct(kSectionMpState, vcpu, mp_state);
  out.add(kSectionXsave, vcpu, xsave);
  out.add(kSectionMsrs, vcpu, bytes_of(msrs));
}

Result<VcpuState> VcpuState::parse(const lab::StateReader& in, uint32_t vcpu) {
  VcpuState state;
  CAUSEWAY_TRY(in.read_struct(kSectionRegs, vcpu, &state.regs));
  CAUSEWAY_TRY(in.read_struct(kSectionSregs, vcpu, &state.sregs));
  CAUSEWAY_TRY(in.read_struct(kSectionXcrs, vcpu, &state.xcrs));
  CAUSEWAY_TRY(in.read_struct(kSectionEvents, vcpu, &state.events));
  CAUSEWAY_TRY(in.read_struct(kSectionDebugregs, vcpu, &state.debugregs));
  CAUSEWAY_TRY(in.read_struct(kSectionMpState, vcpu, &state.mp_state));
  CAUSEWAY_ASSIGN(const auto xsave, in.find(kSectionXsave, vcpu));
  CAUSEWAY_ASSIGN(const auto msrs, in.find(kSectionMsrs, vcpu));
  const bool sound = state.xcrs.nr_xcrs <= KVM_MAX_XCRS &&
                     xsave.size() >= kXsaveBytesMin &&
                     xsave.size() <= lab::kStateSectionBytesMax &&
                     msrs.size() % sizeof(kvm_msr_entry) == 0 &&
                     msrs.size() / sizeof(kvm_msr_entry) <= kMsrsMax;
  if (!sound) {
    return make_error(ErrorCode::kPeerBroken,
                      "the guest state of vCPU {} is not usable: {} XCRs, {} "
                      "bytes of XSAVE, {} bytes of MSRs",
                      vcpu, state.xcrs.nr_xcrs, xsave.size(), msrs.size());
  }
  state.xsave.assign(xsave.begin(), xsave.end());
  state.msrs.resize(msrs.size() / sizeof(kvm_msr_entry));
  if (!msrs.empty()) {
    std::memcpy(state.msrs.data(), msrs.data(), msrs.size());
  }
  return state;
}

Result<VcpuState> read_vcpu(int vcpu_fd, size_t xsave_bytes,
                            std::span<const uint32_t> msrs) {
  VcpuState state;
  const auto get = [vcpu_fd](unsigned long request, void* out,
                             const char* name) {
    return kvm_ioctl(vcpu_fd, request, out, name);
  };
  CAUSEWAY_TRY(get(KVM_GET_REGS, &state.regs, "KVM_GET_REGS"));
  CAUSEWAY_TRY(get(KVM_GET_SREGS, &state.sregs, "KVM_GET_SREGS"));
  CAUSEWAY_TRY(get(KVM_GET_XCRS, &state.xcrs, "KVM_GET_XCRS"));
  CAUSEWAY_TRY(get(KVM_GET_VCPU_EVENTS, &state.events, "KVM_GET_VCPU_EVENTS"));
  CAUSEWAY_TRY(get(KVM_GET_DEBUGREGS, &state.debugregs, "KVM_GET_DEBUGREGS"));
  CAUSEWAY_TRY(get(KVM_GET_MP_STATE, &state.mp_state, "KVM_GET_MP_STATE"));
  state.xsave.resize(xsave_bytes);
  CAUSEWAY_TRY(
      get(get_xsave_request(xsave_bytes), state.xsave.data(), "KVM_GET_XSAVE"));
  std::vector<kvm_msr_entry> wanted(msrs.size());
  for (size_t i = 0; i < msrs.size(); ++i) wanted[i].index = msrs[i];
  MsrList list{std::span<const kvm_msr_entry>(wanted)};
  const int got = ::ioctl(vcpu_fd, kKvmGetMsrs, list.data());
  if (got != static_cast<int>(msrs.size())) {
    return make_error(ErrorCode::kIo, "KVM_GET_MSRS gave {} of {} MSRs", got,
                      msrs.size());
  }
  state.msrs = list.entries();
  return state;
}

// XCRs before XSAVE, whose layout they decide; system registers before the
// MSRs that depend on their modes; events last.
Status write_vcpu(int vcpu_fd, size_t xsave_bytes, const VcpuState& state) {
  const auto set = [vcpu_fd](unsigned long request, const void* in,
                             const char* name) {
    return kvm_ioctl(vcpu_fd, request, in, name);
  };
  if (state.xsave.size() > xsave_bytes) {
    return make_error(ErrorCode::kIncompatible,
                      "the guest has {} bytes of FPU state, this host has "
                      "room for {}",
                      state.xsave.size(), xsave_bytes);
  }
  std::vector<std::byte> xsave = state.xsave;
  xsave.resize(xsave_bytes);
  CAUSEWAY_TRY(set(KVM_SET_SREGS, &state.sregs, "KVM_SET_SREGS"));
  CAUSEWAY_TRY(set(KVM_SET_XCRS, &state.xcrs, "KVM_SET_XCRS"));
  CAUSEWAY_TRY(set(kKvmSetXsave, xsave.data(), "KVM_SET_XSAVE"));
  CAUSEWAY_TRY(write_msrs(vcpu_fd, state.msrs));
  CAUSEWAY_TRY(set(KVM_SET_REGS, &state.regs, "KVM_SET_REGS"));
  CAUSEWAY_TRY(set(KVM_SET_DEBUGREGS, &state.debugregs, "KVM_SET_DEBUGREGS"));
  CAUSEWAY_TRY(set(KVM_SET_MP_STATE, &state.mp_state, "KVM_SET_MP_STATE"));
  return set(KVM_SET_VCPU_EVENTS, &state.events, "KVM_SET_VCPU_EVENTS");
}

}  // namespace causeway::kvm
