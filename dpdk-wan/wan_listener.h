// WanListener: the target's end of a wan path: takes packets, and picks out of
// whoever connects the one that has the right certificate and the token.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "dpdk-wan/link/link_thread.h"
#include "dpdk-wan/packet/packet_io.h"
#include "dpdk-wan/wan_options.h"
#include "engine/path/path.h"
#include "engine/path/stream/hello.h"

namespace causeway {

class WanListener {
 public:
  // "host:port"; port 0 takes a free one.
  static Result<WanListener> listen(std::string_view address);

  // At an endpoint that is open already (a DPDK port).
  static WanListener over(std::unique_ptr<PacketIo> io) {
    return WanListener(std::move(io));
  }

  // Where it really listens.
  std::string address() const { return io_->local().text(); }
  uint16_t port() const { return io_->local().port(); }

  // Waits for the source, once. Strangers are dropped and do not disturb. The
  // path outlives its channels. kTimeout: it did not come; kIncompatible: it
  // came, but speaks another version or opens another number of streams.
  Result<std::unique_ptr<InboundPath>> accept(const PathToken& token,
                                              const WanOptions& options);

  // One connection of a striped path (options.lane), with the thread of its
  // link, which the path owns.
  struct Lane {
    std::unique_ptr<InboundPath> path;
    LinkThread* thread = nullptr;
    std::string peer;
  };
  Result<Lane> accept_lane(const PathToken& token, const WanOptions& options);

 private:
  explicit WanListener(std::unique_ptr<PacketIo> io) : io_(std::move(io)) {}
  std::unique_ptr<PacketIo> io_;
};

}  // namespace causeway
