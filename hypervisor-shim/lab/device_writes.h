// DeviceWrites: where the VMM's own devices report what they wrote. KVM's log
// does not see these writes.
#pragma once

#include <cstdint>

namespace causeway::lab {

inline constexpr uint32_t kRamRegion = 0;
inline constexpr uint32_t kDiskRegion = 1;

class DeviceWrites {
 public:
  virtual ~DeviceWrites() = default;
  // After the write, before the guest may rely on it. Any thread.
  virtual void wrote(uint32_t region, uint64_t offset, uint64_t bytes) = 0;
};

}  // namespace causeway::lab
