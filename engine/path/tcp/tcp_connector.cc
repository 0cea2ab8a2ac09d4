#include "engine/path/tcp/tcp_connector.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/assert.h"
#include "engine/base/limits.h"
#include "engine/path/socket_address.h"
#include "engine/path/stream/path_streams.h"
#include "engine/path/tcp/tcp_socket.h"
#include "engine/path/tcp/tcp_stats.h"

namespace causeway {
namespace {

class TcpOutboundPath final : public OutboundPath {
 public:
  TcpOutboundPath(PathStreams streams, std::vector<UniqueFd> watched)
      : streams_(std::move(streams)), watched_(std::move(watched)) {}

  std::string name() const override { return "tcp"; }

  Result<std::unique_ptr<ControlChannel>> open_control() override {
    return streams_.take_control();
  }
  Result<std::unique_ptr<BulkChannel>> open_bulk(uint32_t worker) override {
    return streams_.open_bulk(worker);
  }

  PathStats stats() const override {
    PathStats sum{tcp_stats(watched_[0].get()).rtt, 0};
    for (size_t i = 1; i < watched_.size(); ++i) {
      const PathStats one = tcp_stats(watched_[i].get());
      sum.delivered_bytes_s += one.delivered_bytes_s;
      sum.loss += one.loss / static_cast<double>(watched_.size() - 1);
    }
    return sum;
  }

 private:
  PathStreams streams_;
  // Duplicates for stats(): the channels own the streams, on other threads.
  std::vector<UniqueFd> watched_;
};

Error unreachable(int errno_value, const std::string& peer) {
  Error error =
      errno_error(errno_value, fmt::format("No connection to {}", peer));
  if (error.code != ErrorCode::kTimeout) error.code = ErrorCode::kUnreachable;
  return error;
}

Result<TcpStream> start_stream(const SocketAddress& address) {
  CAUSEWAY_ASSIGN(UniqueFd fd, new_tcp_socket(address.storage.ss_family));
  CAUSEWAY_TRY(set_stream_options(fd.get()));
  choose_congestion_control(fd.get());
  if (::connect(fd.get(), address.get(), address.bytes) != 0 &&
      errno != EINPROGRESS) {
    return unreachable(errno, address.text());
  }
  return TcpStream(std::move(fd), address.text());
}

Status finish_connect(const TcpStream& stream, const Deadline& deadline) {
  if (!wait_ready(stream.fd(), POLLOUT, deadline)) {
    return make_error(ErrorCode::kTimeout,
                      "{} did not accept a connection in time.", stream.peer());
  }
  int error = 0;
  socklen_t bytes = sizeof error;
  ::getsockopt(stream.fd(), SOL_SOCKET, SO_ERROR, &error, &bytes);
  if (error != 0) return unreachable(error, stream.peer());
  settle_congestion_control(stream.fd());
  return {};
}

// Every stream as far as it can, again and again: the round trips of all are
// those of one.
Status shake_all(std::vector<TcpStream>& streams, const Deadline& deadline) {
  for (;;) {
    std::vector<pollfd> waiting = {{deadline.fd(), POLLIN, 0}};
    for (TcpStream& stream : streams) {
      CAUSEWAY_ASSIGN(const auto handshake, stream.shake());
      if (handshake == TlsSession::Handshake::kDone) continue;
      const bool sends = handshake == TlsSession::Handshake::kWantsWrite;
      waiting.push_back(
          {stream.fd(), static_cast<short>(sends ? POLLOUT : POLLIN), 0});
    }
    if (waiting.size() == 1) return {};
    if (::poll(waiting.data(), waiting.size(), -1) < 0) {
      CAUSEWAY_ASSERT(errno == EINTR);
      continue;
    }
    if (waiting[0].revents != 0) {
      return make_error(ErrorCode::kTimeout,
                        "{} did not finish the TLS handshake in time.",
                        streams[0].peer());
    }
  }
}

Status say_hello(TcpStream& stream, const PathToken& token, size_t index,
                 uint16_t streams, const Deadline& deadline) {
  Hello hello;
  hello.role = index == 0 ? StreamRole::kControl : StreamRole::kBulk;
  hello.token = token;
  hello.stream_index = static_cast<uint16_t>(index == 0 ? 0 : index - 1);
  hello.stream_count = streams;
  return send_whole(stream, encode_hello(hello), deadline);
}

Status await_welcome(TcpStream& stream, uint16_t streams,
                     const Deadline& deadline) {
  std::array<std::byte, Welcome::kBytes> bytes;
  Status got = receive_whole(stream, bytes, deadline);
  if (!got && got.error().code == ErrorCode::kConnectionLost) {
    return make_error(ErrorCode::kPermission,
                      "{} hung up instead of welcoming the stream: it does "
                      "not know this migration{}.",
                      stream.peer(),
                      stream.tls() == nullptr ? ", or it speaks TLS" : "");
  }
  CAUSEWAY_TRY(std::move(got));
  const auto welcome = decode_welcome(bytes);
  if (!welcome) {
    return make_error(ErrorCode::kPeerBroken,
                      "What listens at {} is no Causeway mover.",
                      stream.peer());
  }
  return check_welcome(*welcome, stream.peer(), streams);
}

// All streams at once, so that opening takes two round trips (inside TLS:
// three), not two each.
Result<std::vector<TcpStream>> open_streams(const SocketAddress& address,
                                            const PathToken& token,
                                            uint16_t count,
                                            const TlsContext* tls,
                                            const Deadline& deadline) {
  std::vector<TcpStream> streams;
  for (size_t i = 0; i <= count; ++i) {
    CAUSEWAY_ASSIGN(TcpStream stream, start_stream(address));
    streams.push_back(std::move(stream));
  }
  for (size_t i = 0; i <= count; ++i) {
    CAUSEWAY_TRY(finish_connect(streams[i], deadline));
    if (tls != nullptr) streams[i].start_tls(*tls, TlsEnd::kConnecting);
  }
  CAUSEWAY_TRY(shake_all(streams, deadline));
  for (size_t i = 0; i <= count; ++i) {
    CAUSEWAY_TRY(say_hello(streams[i], token, i, count, deadline));
  }
  for (TcpStream& stream : streams) {
    CAUSEWAY_TRY(await_welcome(stream, count, deadline));
  }
  return streams;
}

}  // namespace

Result<std::vector<TcpStream>> TcpConnector::connect_streams(
    std::string_view address, const PathToken& token,
    const TcpConnectOptions& options) {
  CAUSEWAY_ASSERT(options.streams >= 1 && options.streams <= kStreamsMax);
  CAUSEWAY_ASSIGN(const auto candidates, resolve_address(address, false));
  std::optional<TlsContext> tls;
  if (options.tls) {
    CAUSEWAY_ASSIGN(tls, TlsContext::load(*options.tls));
  }
  const Deadline deadline(options.timeout);
  Result<std::vector<TcpStream>> streams = Error{};
  for (const SocketAddress& candidate : candidates) {
    streams = open_streams(candidate, token, options.streams,
                           tls ? &*tls : nullptr, deadline);
    // Another address of the same host helps only when this one is not there.
    if (streams || streams.error().code != ErrorCode::kUnreachable) break;
  }
  return streams;
}

Result<std::unique_ptr<OutboundPath>> TcpConnector::over(
    std::vector<TcpStream> streams) {
  std::vector<UniqueFd> watched;
  for (const TcpStream& stream : streams) {
    watched.emplace_back(::fcntl(stream.fd(), F_DUPFD_CLOEXEC, 0));
    if (!watched.back()) return errno_error(errno, "A socket cannot be shared");
  }
  return std::unique_ptr<OutboundPath>(std::make_unique<TcpOutboundPath>(
      path_streams(std::move(streams)), std::move(watched)));
}

Result<std::unique_ptr<OutboundPath>> TcpConnector::connect(
    std::string_view address, const PathToken& token,
    const TcpConnectOptions& options) {
  CAUSEWAY_ASSIGN(auto streams, connect_streams(address, token, options));
  return over(std::move(streams));
}

}  // namespace causeway
