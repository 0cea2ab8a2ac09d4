// TcpListener: the target's end of tcp paths: listens, and picks out of
// whoever connects the streams that know the token.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/base/unique_fd.h"
#include "engine/path/path.h"
#include "engine/path/stream/hello.h"
#include "engine/path/tcp/tcp_stream.h"
#include "engine/path/tcp/tls_context.h"

namespace causeway {

class TcpListener {
 public:
  // "host:port"; port 0 takes a free one.
  static Result<TcpListener> listen(std::string_view address);

  // Where it really listens.
  std::string address() const;
  uint16_t port() const;

  // Waits for the control stream and `streams` bulk streams that say `token`.
  // Strangers are dropped and do not disturb: who is silent too long, says
  // anything else or comes twice. kTimeout: not all came; kIncompatible: the
  // right peer, but of another protocol version or number of streams. With
  // `tls` only who shows the certificate of its peer_name gets as far as to
  // say a token, and strangers are dropped in mid-handshake by the same rules.
  Result<std::unique_ptr<InboundPath>> accept(
      const PathToken& token, uint16_t streams, Duration timeout,
      const std::optional<TlsOptions>& tls = {});
  // A path of such streams.
  static std::unique_ptr<InboundPath> over(std::vector<TcpStream> streams);
  // The same, as streams alone: as TcpConnector::connect_streams().
  Result<std::vector<TcpStream>> accept_streams(
      const PathToken& token, uint16_t streams, Duration timeout,
      const std::optional<TlsOptions>& tls = {});

 private:
  explicit TcpListener(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace causeway
