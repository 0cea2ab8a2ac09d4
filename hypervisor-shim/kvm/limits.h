// Limits of the KVM VMM, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace causeway::kvm {

// KVM reports about 75 entries today.
inline constexpr uint32_t kCpuidEntriesMax = 256;

// KVM's own list has about 200 MSRs of a vCPU.
inline constexpr uint32_t kMsrsMax = 1024;

// 16384 entries: at 10 GB/s of fresh dirty pages a full ring, and with it an
// exit, every 6 ms.
inline constexpr uint32_t kDirtyRingBytes = 16384 * 16;

// Blocks cleared by one KVM_CLEAR_DIRTY_LOG: 256 MiB, so that the kernel's
// lock is held for a millisecond at most. A multiple of 64.
inline constexpr uint64_t kClearBlocks = 65536;

// For the last step of a vCPU that was woken from its halt by pause(). It takes
// 60 us where KVM is nested; on a busy host the wake-up may be late, and a vCPU
// that is later than this is kicked without it.
inline constexpr std::chrono::microseconds kLastStepGrace(1000);

static_assert(kClearBlocks % 64 == 0);

}  // namespace causeway::kvm
