#include "tools/mover/mover_port.h"

#include "dpdk-wan/port/dpdk_packet_io.h"

namespace causeway {

Result<std::unique_ptr<PacketIo>> open_port(const PortOptions& options) {
  CAUSEWAY_ASSIGN(auto port, DpdkPacketIo::open(options));
  return std::unique_ptr<PacketIo>(std::move(port));
}

}  // namespace causeway
