#include "dpdk-wan/wan_connector.h"

#include <algorithm>
#include <array>

#include "dpdk-wan/link/link_thread.h"
#include "dpdk-wan/packet/udp_packet_io.h"
#include "engine/base/assert.h"
#include "engine/path/stream/stream_bulk_channel.h"
#include "engine/path/stream/stream_control_channel.h"
#include "engine/runtime/clock.h"

namespace causeway {
namespace {

class WanOutboundPath final : public OutboundPath {
 public:
  WanOutboundPath(std::unique_ptr<LinkThread> thread, std::string peer,
                  uint16_t streams)
      : thread_(std::move(thread)),
        peer_(std::move(peer)),
        control_(thread_->link().take_stream(0, peer_)),
        taken_(streams) {}

  std::string name() const override { return "wan"; }

  Result<std::unique_ptr<ControlChannel>> open_control() override {
    if (control_ == nullptr) {
      return make_error(ErrorCode::kInvalidArgument,
                        "The wan path's control stream is taken.");
    }
    return std::unique_ptr<ControlChannel>(
        std::make_unique<StreamControlChannel>(std::move(control_)));
  }

  Result<std::unique_ptr<BulkChannel>> open_bulk(uint32_t worker) override {
    if (worker >= taken_.size() || taken_[worker]) {
      return make_error(ErrorCode::kInvalidArgument,
                        "The wan path has no stream {} left to open (of {}).",
                        worker, taken_.size());
    }
    taken_[worker] = true;
    return std::unique_ptr<BulkChannel>(std::make_unique<StreamBulkChannel>(
        thread_->link().take_stream(static_cast<uint16_t>(1 + worker), peer_)));
  }

  PathStats stats() const override { return thread_->link().stats(); }

  Status introduce(const PathToken& token, const WanOptions& options);
  LinkThread& thread() { return *thread_; }

 private:
  std::unique_ptr<LinkThread> thread_;
  std::string peer_;
  std::unique_ptr<ByteStream> control_;  // until it is opened
  std::vector<uint8_t> taken_;           // by worker; each has its own thread
};

Status WanOutboundPath::introduce(const PathToken& token,
                                  const WanOptions& options) {
  const Duration timeout = options.timeout;
  const auto streams = static_cast<uint16_t>(taken_.size());
  Hello hello;
  hello.token = token;
  hello.stream_count = streams;
  hello.lane = options.lane;
  hello.lane_count = options.lanes;
  CAUSEWAY_TRY(send_whole(*control_, encode_hello(hello), timeout));
  std::array<std::byte, Welcome::kBytes> bytes;
  Status got = receive_whole(*control_, bytes, timeout);
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
  return check_welcome(*welcome, peer_, streams);
}

WanLinkOptions link_options(const WanOptions& options) {
  WanLinkOptions link;
  link.streams = options.streams;
  link.lanes = std::max<uint16_t>(options.lanes, 1);
  link.source = true;
  link.fec = options.fec;
  link.quic.congestion = options.congestion;
  link.quic.payload_bytes = options.payload_bytes;
  link.quic.silence_max = options.silence_max;
  link.quic.handshake_max = options.timeout;
  return link;
}

Result<std::unique_ptr<WanOutboundPath>> open_path(std::unique_ptr<PacketIo> io,
                                                   const SocketAddress& address,
                                                   const PathToken& token,
                                                   const WanOptions& options) {
  CAUSEWAY_ASSIGN(auto credentials,
                  QuicCredentials::load(options.files, options.peer_name));
  auto link = std::make_unique<WanLink>(std::move(io), std::move(credentials),
                                        link_options(options));
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
