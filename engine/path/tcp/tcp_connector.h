// TcpConnector: opens the source's end of a tcp path: one control stream and
// as many bulk streams as asked for, all to one address.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/path/path.h"
#include "engine/path/stream/hello.h"
#include "engine/path/tcp/tcp_stream.h"
#include "engine/path/tcp/tls_context.h"

namespace causeway {

struct TcpConnectOptions {
  uint16_t streams = 1;  // bulk streams, 1 to kStreamsMax
  Duration timeout = std::chrono::seconds(10);
  std::optional<TlsOptions> tls{};  // nothing: in the clear
};

class TcpConnector {
 public:
  // Waits until the peer has welcomed every stream. `address` as in
  // resolve_address(). kUnreachable: nothing listens there; kTimeout: nobody
  // answered in time; kPermission: the peer hung up, it does not know the
  // token; or, of TLS, that one end does not accept the other's certificate;
  // kIncompatible: another protocol version or number of streams.
  static Result<std::unique_ptr<OutboundPath>> connect(
      std::string_view address, const PathToken& token,
      const TcpConnectOptions& options);
  // A path of such streams.
  static Result<std::unique_ptr<OutboundPath>> over(
      std::vector<TcpStream> streams);
  // The same, as streams alone, for who puts channels of its own over them:
  // [0] the control stream, [1 + worker] a worker's.
  static Result<std::vector<TcpStream>> connect_streams(
      std::string_view address, const PathToken& token,
      const TcpConnectOptions& options);
};

}  // namespace causeway
