// A limit on everything that comes from outside or could grow, each with its
// reason; ties between neighbours are asserted below.
#pragma once

#include <cstddef>
#include <cstdint>

namespace causeway {

// One RAM slot or disk: 64 TiB. Block numbers then fit 34 bits and byte
// offsets 46, so that no sum of two of them can overflow.
inline constexpr uint64_t kRegionBytesMax = 1ull << 46;

// RAM slots and disks of one guest.
inline constexpr size_t kRegionsMax = 64;

inline constexpr size_t kNameBytesMax = 64;  // guest, host and region names

// vCPU and device state: a 4-vCPU KVM guest needs about 50 KiB; AMX and
// hundreds of vCPUs stay far below.
inline constexpr size_t kStateBytesMax = 16u << 20;

// CPU features of a guest: 256 CPUID leaves of 40 bytes.
inline constexpr size_t kFeaturesBytesMax = 64u << 10;

// One control message must hold the state.
inline constexpr size_t kControlMessageBytesMax = kStateBytesMax + (64u << 10);
inline constexpr size_t kControlQueueBytesMax = 2 * kControlMessageBytesMax;

// Payload of one put: large enough that system calls and heads vanish in the
// copy (32 B a 256 KiB), small enough that four in flight on each stream stay
// in the L2 cache.
inline constexpr uint32_t kPutBytesMax = 256u << 10;

inline constexpr uint32_t kStreamsMax = 64;

static_assert(kControlMessageBytesMax > kStateBytesMax + kFeaturesBytesMax / 2);
static_assert(kPutBytesMax % 4096 == 0);

}  // namespace causeway
