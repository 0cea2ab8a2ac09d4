// LaneEnds: the two ends of one lane of a striped wan path, and how this host's
// is opened: again and again, as the lane is lost and tried anew.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "dpdk-wan/packet/packet_io.h"

namespace causeway {

// Opens a port of this host (a DPDK port) at that UDP port; 0: a free one. Any
// thread; one at a time is open.
using OpenPort =
    std::function<Result<std::unique_ptr<PacketIo>>(uint16_t udp_port)>;

struct LaneEnds {
  std::string local;  // "address:0"; empty: what the route says
  std::string peer;   // "address:port"; of a listening end: empty
  OpenPort port;      // instead of `local`; empty: the kernel's sockets
};

// This host's end of a lane to its peer.
Result<std::unique_ptr<PacketIo>> open_towards_peer(const LaneEnds& lane);
// A listening one; `udp_port`: where it listened before, 0: anywhere.
Result<std::unique_ptr<PacketIo>> open_to_listen(const LaneEnds& lane,
                                                 uint16_t udp_port);

}  // namespace causeway
