// From bytes to a Frame. Nothing in the bytes is believed before it is checked;
// no state, no allocation, no port: the fuzz target is this function.
#pragma once

#include <cstddef>
#include <span>

#include "dpdk-wan/port/frame.h"

namespace causeway {

// What the port has verified, so that it is not summed again.
struct VerifiedChecksums {
  bool ip = false;
  bool udp = false;
};

// The spans of what comes back point into `bytes`. Trailing bytes that pad a
// short frame are left out.
Frame decode_frame(std::span<const std::byte> bytes,
                   VerifiedChecksums verified = {});

}  // namespace causeway
