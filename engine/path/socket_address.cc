#include "engine/path/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cstring>
#include <memory>

#include "engine/base/host_port.h"

namespace causeway {

uint16_t SocketAddress::port() const {
  if (storage.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

std::string SocketAddress::text() const {
  std::array<char, NI_MAXHOST> host;
  if (::getnameinfo(get(), bytes, host.data(), host.size(), nullptr, 0,
                    NI_NUMERICHOST) != 0) {
    return "an unknown address";
  }
  return HostPort{host.data(), port()}.text();
}

namespace {

Result<std::vector<SocketAddress>> look_up(std::string_view text, int flags) {
  const auto parsed = parse_host_port(text);
  if (!parsed) {
    return make_error(ErrorCode::kInvalidArgument,
                      "'{}' is no address: {}; give HOST:PORT or [IPV6]:PORT.",
                      text, parsed.error().message);
  }
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* found = nullptr;
  const int status =
      ::getaddrinfo(parsed->host.c_str(), std::to_string(parsed->port).c_str(),
                    &hints, &found);
  if (status != 0) {
    return make_error(ErrorCode::kUnreachable,
                      "The host of '{}' cannot be resolved: {}.", text,
                      ::gai_strerror(status));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(
      found, &::freeaddrinfo);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    SocketAddress address;
    std::memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
    address.bytes = at->ai_addrlen;
    addresses.push_back(address);
  }
  return addresses;
}

}  // namespace

Result<std::vector<SocketAddress>> resolve_address(std::string_view text,
                                                   bool passive) {
  return look_up(text, passive ? AI_PASSIVE : 0);
}

Result<SocketAddress> numeric_address(std::string_view text) {
  CAUSEWAY_ASSIGN(const auto found, look_up(text, AI_NUMERICHOST));
  return found.front();
}

SocketAddress local_address(int fd) {
  SocketAddress address;
  address.bytes = sizeof address.storage;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage),
                &address.bytes);
  return address;
}

SocketAddress remote_address(int fd) {
  SocketAddress address;
  address.bytes = sizeof address.storage;
  ::getpeername(fd, reinterpret_cast<sockaddr*>(&address.storage),
                &address.bytes);
  return address;
}

}  // namespace causeway
