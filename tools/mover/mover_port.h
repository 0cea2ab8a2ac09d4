// The DPDK port of a mover's spec. In a build without DPDK (CAUSEWAY_DPDK=OFF)
// an Error says so.
#pragma once

#include <memory>

#include "dpdk-wan/packet/packet_io.h"
#include "dpdk-wan/port/port_options.h"

namespace causeway {

Result<std::unique_ptr<PacketIo>> open_port(const PortOptions& options);

}  // namespace causeway
