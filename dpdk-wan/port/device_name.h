// DeviceName: which ethdev is meant, and the arguments that DPDK gets for it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace causeway {

struct DeviceName {
  std::string name;       // the ethdev's: "net_af_packet0", "0000:03:00.0"
  std::string arguments;  // the whole: "net_af_packet0,iface=eth1,framesz=..."
  bool is_pci = false;
  std::string interface;  // of net_af_packet: the kernel's; else empty
};

// Buffers hold frames of this size; of two sizes, so that the kernel's rings
// (whole frames to a block, whole pages) fit both.
uint32_t frame_room_bytes(uint32_t mtu_bytes);

// Fills in what net_af_packet needs for that MTU and was not told.
Result<DeviceName> parse_device_name(std::string_view text, uint32_t mtu_bytes);

}  // namespace causeway
