// The section kinds of the state blob: one list, so that no two owners take
// the same number.
#pragma once

#include <cstdint>

namespace causeway::lab {

inline constexpr uint32_t kSectionClock = 1;        // guest_clock.cc
inline constexpr uint32_t kSectionHeldFlushes = 2;  // block_device.cc
inline constexpr uint32_t kSectionMachine = 0x100;  // kvm/, process/: from here

}  // namespace causeway::lab
