#include "engine/path/tcp/tcp_listener.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "engine/base/assert.h"
#include "engine/base/limits.h"
#include "engine/path/socket_address.h"
#include "engine/path/stream/path_streams.h"
#include "engine/path/tcp/limits.h"
#include "engine/path/tcp/stream_acceptance.h"

namespace causeway {
namespace {

class TcpInboundPath final : public InboundPath {
 public:
  explicit TcpInboundPath(PathStreams streams) : streams_(std::move(streams)) {}

  Result<std::unique_ptr<ControlChannel>> accept_control() override {
    return streams_.take_control();
  }
  Result<std::unique_ptr<BulkReceiver>> accept_bulk(uint32_t worker,
                                                    PutSink& sink) override {
    return streams_.accept_bulk(worker, sink);
  }

 private:
  PathStreams streams_;
};

Result<UniqueFd> listen_at(const SocketAddress& address) {
  CAUSEWAY_ASSIGN(UniqueFd fd, new_tcp_socket(address.storage.ss_family));
  // A mover that is started again must not wait for the old one's TIME_WAIT.
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), address.get(), address.bytes) != 0 ||
      ::listen(fd.get(), static_cast<int>(kTcpStrangersMax)) != 0) {
    return errno_error(errno,
                       fmt::format("Cannot listen on {}", address.text()));
  }
  return fd;
}

}  // namespace

Result<TcpListener> TcpListener::listen(std::string_view address) {
  CAUSEWAY_ASSIGN(const auto candidates, resolve_address(address, true));
  Result<UniqueFd> fd = Error{};
  for (const SocketAddress& candidate : candidates) {
    fd = listen_at(candidate);
    if (fd) break;
  }
  if (!fd) return std::move(fd).error();
  return TcpListener(std::move(fd).value());
}

std::string TcpListener::address() const {
  return local_address(fd_.get()).text();
}

uint16_t TcpListener::port() const { return local_address(fd_.get()).port(); }

Result<std::vector<TcpStream>> TcpListener::accept_streams(
    const PathToken& token, uint16_t streams, Duration timeout,
    const std::optional<TlsOptions>& tls) {
  CAUSEWAY_ASSERT(streams >= 1 && streams <= kStreamsMax);
  std::optional<TlsContext> context;
  if (tls) {
    CAUSEWAY_ASSIGN(context, TlsContext::load(*tls));
  }
  const Deadline deadline(timeout);
  StreamAcceptance acceptance(fd_.get(), token, streams,
                              context ? &*context : nullptr);
  while (!acceptance.complete()) {
    CAUSEWAY_ASSIGN(const bool in_time, acceptance.step(deadline));
    if (!in_time) {
      return make_error(ErrorCode::kTimeout,
                        "Only {} of {} streams of the source came to {} "
                        "within {:.1f} s.{}",
                        acceptance.accepted(), streams + 1, address(),
                        seconds(timeout), acceptance.last_refusal());
    }
  }
  return acceptance.take();
}

Result<std::unique_ptr<InboundPath>> TcpListener::accept(
    const PathToken& token, uint16_t streams, Duration timeout,
    const std::optional<TlsOptions>& tls) {
  CAUSEWAY_ASSIGN(auto accepted, accept_streams(token, streams, timeout, tls));
  return over(std::move(accepted));
}

std::unique_ptr<InboundPath> TcpListener::over(std::vector<TcpStream> streams) {
  return std::make_unique<TcpInboundPath>(path_streams(std::move(streams)));
}

}  // namespace causeway
