#include "dpdk-wan/lanes/lane_ends.h"

#include "dpdk-wan/packet/udp_packet_io.h"
#include "engine/base/host_port.h"

namespace causeway {
namespace {

Result<std::unique_ptr<PacketIo>> as_packet_io(
    Result<std::unique_ptr<UdpPacketIo>> io) {
  if (!io) return std::move(io).error();
  return std::unique_ptr<PacketIo>(std::move(io).value());
}

}  // namespace

Result<std::unique_ptr<PacketIo>> open_towards_peer(const LaneEnds& lane) {
  if (lane.port) return lane.port(0);
  if (!lane.local.empty()) return as_packet_io(UdpPacketIo::open(lane.local));
  CAUSEWAY_ASSIGN(const auto candidates, resolve_address(lane.peer, false));
  return as_packet_io(UdpPacketIo::open_towards(candidates.front()));
}

Result<std::unique_ptr<PacketIo>> open_to_listen(const LaneEnds& lane,
                                                 uint16_t udp_port) {
  if (lane.port) return lane.port(udp_port);
  if (udp_port == 0) return as_packet_io(UdpPacketIo::open(lane.local));
  CAUSEWAY_ASSIGN(HostPort local, parse_host_port(lane.local));
  local.port = udp_port;
  return as_packet_io(UdpPacketIo::open(local.text()));
}

}  // namespace causeway
