// SocketAddress: one address to connect to or to listen on, with its text.
#pragma once

#include <netdb.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace causeway {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t bytes = 0;

  const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
  uint16_t port() const;
  std::string text() const;  // "10.0.0.1:7000", "[::1]:7000"
};

// "host:port" or "[v6]:port", by getaddrinfo, which may ask a name server and
// then takes as long as that one does. At least one address, in the order to
// try. `passive`: to listen on.
Result<std::vector<SocketAddress>> resolve_address(std::string_view text,
                                                   bool passive);

// The same of numbers alone, so that nobody is asked: for what a peer says.
Result<SocketAddress> numeric_address(std::string_view text);

// The local or the remote end of a socket.
SocketAddress local_address(int fd);
SocketAddress remote_address(int fd);

}  // namespace causeway
