#include "dpdk-wan/wan_connector.h"

#include <array>

#include "dpdk-wan/link/link_thread.h"
#include "dpdk-wan/packet/udp_packet_io.h"
#include "dpdk-wan/wan_ends.h"
#include "engine/base/assert.h"
#include "engine/runtime/clock.h"

namespace causeway {
namespace {

class WanOutboundPath final : public OutboundPath {
 public:
  WanOutboundPath(std::unique_ptr<LinkThread> thread, std::string peer,
                  uint16_t workers)
      : thread_(std::move(thread)),
        peer_(std::move(peer)),
        streams_(take_streams(thread_->link(), peer_, workers)) {}

  std::string name() const override { return "wan"; }

  Result<std::unique_ptr<ControlChannel>> open_control() override {
    return streams_.take_control();
  }
  Result<std::unique_ptr<BulkChannel>> open_bulk(uint32_t worker) override {
    return streams_.open_bulk(worker);
  }

  PathStats stats() const override { return thread_->link().stats(); }

  Status introduce(const PathToken& token, const WanOptions& options);
  LinkThread& thread() { return *thread_; }

 private:
  std::unique_ptr<LinkThread> thread_;
  std::string peer_;
  PathStreams streams_;
};

Status WanOutboundPath::introduce(const PathToken& token,
                                  const WanOptions& options) {
  const Duration timeout = options.timeout;
  Hello hello;
  hello.token = token;
  hello.stream_count = streams_.workers();
  hello.lane = options.lane;
  hello.lane_count = options.lanes;
  CAUSEWAY_TRY(send_whole(streams_.control(), encode_hello(hello), timeout));
  std::array<std::byte, Welcome::kBytes> bytes;
  Status got = receive_whole(streams_.control(), bytes, timeout);
  if (!got) {
    // Who is no right peer is refused after its handshake, from its own view.
    const LinkEnd& end = thread_->link().end();
    if (end.ended.load() && end.code == ErrorCode::kPermission) {
      return make_error(ErrorCode::kPermission, "No connection to {}: {}.",
                        peer_, end.reason);
    }
    if (got.error().code == ErrorCode::kConnectionLost) {
      return make_error(ErrorCode::kPermission,
                        "{} hung up instead of welcoming the path: it does "
                        "not know this migration.",
                        peer_);
    }
    return got;
  }
  const auto welcome = decode_welcome(bytes);
  if (!welcome) {
    return make_error(ErrorCode::kPeerBroken,
                      "What listens at {} is no Causeway mover.", peer_);
  }
  return check_welcome(*welcome, peer_, streams_.workers());
}

Result<std::unique_ptr<WanOutboundPath>> open_path(std::unique_ptr<PacketIo> io,
                                                   const SocketAddress& address,
                                                   const PathToken& token,
                                                   const WanOptions& options) {
  CAUSEWAY_ASSIGN(auto credentials,
                  QuicCredentials::load(options.files, options.peer_name));
  auto link = std::make_unique<WanLink>(std::move(io), std::move(credentials),
                                        link_options(options, true));
  CAUSEWAY_TRY(link->connect(address, monotonic_now()));
  auto thread = std::make_unique<LinkThread>(std::move(link));
  const std::string peer = address.text();
  if (Status opened = thread->await_open(options.timeout, options.cancel_fd);
      !opened) {
    return make_error(opened.error().code, "No connection to {}: {}.", peer,
                      opened.error().message);
  }
  auto path = std::make_unique<WanOutboundPath>(std::move(thread), peer,
                                                options.streams);
  CAUSEWAY_TRY(path->introduce(token, options));
  return path;
}

}  // namespace

Result<std::unique_ptr<OutboundPath>> WanConnector::connect(
    std::string_view address, const PathToken& token,
    const WanOptions& options) {
  CAUSEWAY_ASSERT(options.streams >= 1 && options.streams <= kStreamsMax);
  CAUSEWAY_ASSIGN(const auto candidates, resolve_address(address, false));
  Result<std::unique_ptr<WanOutboundPath>> path = Error{};
  for (const SocketAddress& candidate : candidates) {
    auto io = UdpPacketIo::open_towards(candidate);
    path = io ? open_path(std::move(io).value(), candidate, token, options)
              : std::move(io).error();
    // Another address of the same host helps only when this one is not there.
    if (path || path.error().code != ErrorCode::kUnreachable) break;
  }
  if (!path) return std::move(path).error();
  return std::unique_ptr<OutboundPath>(std::move(path).value());
}

Result<WanConnector::Lane> WanConnector::connect_lane(
    std::unique_ptr<PacketIo> io, std::string_view address,
    const PathToken& token, const WanOptions& options) {
  CAUSEWAY_ASSIGN(const auto candidates, resolve_address(address, false));
  const SocketAddress& peer = candidates.front();
  io->expect_only(peer);
  CAUSEWAY_ASSIGN(auto path, open_path(std::move(io), peer, token, options));
  LinkThread* const thread = &path->thread();
  return Lane{std::move(path), thread};
}

Result<std::unique_ptr<OutboundPath>> WanConnector::connect(
    std::unique_ptr<PacketIo> io, std::string_view address,
    const PathToken& token, const WanOptions& options) {
  CAUSEWAY_ASSERT(options.streams >= 1 && options.streams <= kStreamsMax);
  CAUSEWAY_ASSIGN(const auto candidates, resolve_address(address, false));
  CAUSEWAY_ASSIGN(auto path,
                  open_path(std::move(io), candidates.front(), token, options));
  return std::unique_ptr<OutboundPath>(std::move(path));
}

}  // namespace causeway
