#include "engine/path/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <charconv>
#include <cstring>
#include <memory>

namespace causeway {
namespace {

struct HostPort {
  std::string host;
  std::string port;
};

Result<HostPort> split(std::string_view text) {
  const size_t colon = text.rfind(':');
  HostPort parts;
  if (colon != std::string_view::npos) {
    parts.host = text.substr(0, colon);
    parts.port = text.substr(colon + 1);
  }
  const bool bracketed = parts.host.size() > 2 && parts.host.front() == '[' &&
                         parts.host.back() == ']';
  if (bracketed) parts.host = parts.host.substr(1, parts.host.size() - 2);
  uint16_t port = 0;
  const char* end = parts.port.data() + parts.port.size();
  const auto parsed = std::from_chars(parts.port.data(), end, port);
  const bool is_port = parsed.ec == std::errc() && parsed.ptr == end;
  const bool is_bare_v6 =
      !bracketed && parts.host.find(':') != std::string::npos;
  if (parts.host.empty() || !is_port || is_bare_v6) {
    return make_error(ErrorCode::kInvalidArgument,
                      "'{}' is no address: give HOST:PORT or [IPV6]:PORT.",
                      text);
  }
  return parts;
}

}  // namespace

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
  return storage.ss_family == AF_INET6
             ? fmt::format("[{}]:{}", host.data(), port())
             : fmt::format("{}:{}", host.data(), port());
}

Result<std::vector<SocketAddress>> resolve_address(std::string_view text,
                                                   bool passive) {
  CAUSEWAY_ASSIGN(const HostPort parts, split(text));
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0);
  addrinfo* found = nullptr;
  const int status =
      ::getaddrinfo(parts.host.c_str(), parts.port.c_str(), &hints, &found);
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
