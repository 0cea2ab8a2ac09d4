// VcpuState: all there is of a vCPU that is a thread of a plain process: its
// general registers and its XSAVE area, as a signal frame has them.
//
//   signal frame                          VcpuState
//   gregs[0..17]  r8 .. rsp rip rflags -> registers (same order)
//   fpregs: 464   FXSAVE area          -> xsave, without the 48 bytes that
//           48    kernel's own words      the kernel keeps there
//           ...   XSAVE head, extended
#pragma once

#include <ucontext.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/result.h"
#include "hypervisor-shim/lab/state_blob.h"

namespace causeway::process {

// What this host's signal frames hold.
struct XsaveLayout {
  uint64_t features = 0;    // bits of XCR0 that are saved
  uint32_t bytes = 0;       // of the area
  uint32_t mxcsr_mask = 0;  // bits of MXCSR that may be set
};

// Where a guest's instructions may be.
struct GuestWindow {
  uint64_t base = 0;
  uint64_t bytes = 0;
  bool contains(uint64_t address) const {
    return address >= base && address - base < bytes;
  }
};

struct VcpuState {
  static constexpr size_t kRegisters = 18;
  std::array<uint64_t, kRegisters> registers{};
  std::vector<std::byte> xsave;
};

// kIncompatible: the kernel saves no XSAVE area.
Result<XsaveLayout> layout_of(const ucontext_t& frame);

// No allocation when `state.xsave` has the layout's size already.
void capture(const ucontext_t& frame, const XsaveLayout& layout,
             VcpuState& state);
// `state` was captured here, or passed check_state().
void install(const VcpuState& state, const XsaveLayout& layout,
             ucontext_t& frame);

// At the program's first instruction with `argument` in RDI; `xsave` is left
// as it is.
void set_entry(uint64_t instruction, uint64_t argument, VcpuState& state);

// Would the kernel and this VMM take that state? kPeerBroken or kIncompatible
// with a sentence.
Status check_state(const VcpuState& state, const XsaveLayout& layout,
                   const GuestWindow& window);

// Sections kSectionMachine and the next, index = vCPU.
void save_vcpu(const VcpuState& state, uint32_t index, lab::StateWriter& out);
// Hostile bytes: what comes out has passed check_state().
Result<VcpuState> load_vcpu(const lab::StateReader& in, uint32_t index,
                            const XsaveLayout& layout,
                            const GuestWindow& window);

}  // namespace causeway::process
