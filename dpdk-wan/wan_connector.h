// WanConnector: opens the source's end of a wan path: one QUIC connection with
// a control stream and as many bulk streams as asked for.
#pragma once

#include <memory>
#include <string_view>

#include "dpdk-wan/link/link_thread.h"
#include "dpdk-wan/packet/packet_io.h"
#include "dpdk-wan/wan_options.h"
#include "engine/path/path.h"
#include "engine/path/stream/hello.h"

namespace causeway {

class WanConnector {
 public:
  // Waits until the peer has welcomed the connection. `address` as in
  // resolve_address(). The path outlives its channels. kUnreachable: nothing
  // listens there; kTimeout: nobody answered in time; kPermission: one end
  // does not accept the other's certificate, or the peer does not know the
  // token; kIncompatible: another protocol version or number of streams.
  static Result<std::unique_ptr<OutboundPath>> connect(
      std::string_view address, const PathToken& token,
      const WanOptions& options);
  // One connection of a striped path (options.lane) over an endpoint that is
  // open already, with the thread of its link, which the path owns.
  struct Lane {
    std::unique_ptr<OutboundPath> path;
    LinkThread* thread = nullptr;
  };
  static Result<Lane> connect_lane(std::unique_ptr<PacketIo> io,
                                   std::string_view address,
                                   const PathToken& token,
                                   const WanOptions& options);
  // The same over an endpoint that is open already (a DPDK port).
  static Result<std::unique_ptr<OutboundPath>> connect(
      std::unique_ptr<PacketIo> io, std::string_view address,
      const PathToken& token, const WanOptions& options);
};

}  // namespace causeway
