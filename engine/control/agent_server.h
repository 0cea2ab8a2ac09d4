// AgentServer: the gRPC front of an agent. Owns the listening sockets and the
// threads that answer; knows nothing of guests.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/tls_files.h"
#include "engine/control/handler.h"
#include "engine/control/limits.h"

namespace causeway {

struct AgentServerOptions {
  // TLS 1.3 alone, with certificates at both ends; nothing: in the clear alone.
  std::optional<TlsFiles> tls{};
  unsigned certificate_refresh_s = kCertificateRefreshS;
};

class AgentServer {
 public:
  // `addresses`: HOST:PORT or unix:PATH each; port 0 takes a free one. What is
  // said on a UNIX socket, which is 0600, never leaves the host and is in the
  // clear always. The handlers outlive the server. An address that is taken is
  // an Error that names it, as is a file of `tls` that cannot be used.
  static Result<std::unique_ptr<AgentServer>> listen(
      const std::vector<std::string>& addresses, GuestHandler* guests,
      MigrationHandler* migrations, const AgentServerOptions& options);
  // Takes no more calls, ends those under way, waits for their handlers.
  ~AgentServer();

  AgentServer(const AgentServer&) = delete;
  AgentServer& operator=(const AgentServer&) = delete;

  // The addresses as bound: port 0 is replaced by the real one.
  const std::vector<std::string>& addresses() const;

 private:
  struct Impl;
  explicit AgentServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace causeway
