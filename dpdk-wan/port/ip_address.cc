#include "dpdk-wan/port/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "engine/base/assert.h"

namespace causeway {

std::string MacAddress::text() const {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes[0],
                     bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]);
}

bool IpAddress::is_none() const { return *this == IpAddress{{}, v6}; }

bool IpAddress::is_group_or_none() const {
  if (is_none()) return true;
  // 224.0.0.0/4, and 240.0.0.0/4 with the broadcast address in it.
  return v6 ? bytes[0] == 0xff : bytes[0] >= 224;
}

std::string IpAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> out{};
  ::inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), out.data(), out.size());
  return out.data();
}

bool IpPrefix::contains(const IpAddress& other) const {
  if (other.v6 != address.v6) return false;
  CAUSEWAY_ASSERT(bits <= 8 * address.size());
  const size_t whole = bits / 8;
  if (!std::equal(address.bytes.begin(), address.bytes.begin() + whole,
                  other.bytes.begin())) {
    return false;
  }
  const unsigned rest = bits % 8;
  if (rest == 0) return true;
  const unsigned mask = 0xffu << (8 - rest);
  return ((address.bytes[whole] ^ other.bytes[whole]) & mask) == 0;
}

Result<IpAddress> parse_ip_address(std::string_view text) {
  const std::string terminated(text);
  IpAddress address;
  address.v6 = text.find(':') != std::string_view::npos;
  if (::inet_pton(address.v6 ? AF_INET6 : AF_INET, terminated.c_str(),
                  address.bytes.data()) != 1) {
    return make_error(ErrorCode::kInvalidArgument,
                      "'{}' is no IP address: give 192.0.2.5 or 2001:db8::5.",
                      text);
  }
  return address;
}

Result<IpPrefix> parse_ip_prefix(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string_view digits =
      slash == std::string_view::npos ? "" : text.substr(slash + 1);
  IpPrefix prefix;
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, prefix.bits);
  if (digits.empty() || parsed.ec != std::errc() || parsed.ptr != end) {
    return make_error(ErrorCode::kInvalidArgument,
                      "'{}' is no address with its prefix: give 192.0.2.5/24 "
                      "or 2001:db8::5/64.",
                      text);
  }
  CAUSEWAY_ASSIGN(prefix.address, parse_ip_address(text.substr(0, slash)));
  if (prefix.bits > 8 * prefix.address.size()) {
    return make_error(ErrorCode::kInvalidArgument,
                      "'{}' has a prefix longer than the address: at most {}.",
                      text, 8 * prefix.address.size());
  }
  return prefix;
}

IpAddress solicited_node(const IpAddress& address) {
  CAUSEWAY_ASSERT(address.v6);
  IpAddress node{{0xff, 0x02}, true};
  node.bytes[11] = 1;
  node.bytes[12] = 0xff;
  std::copy_n(address.bytes.begin() + 13, 3, node.bytes.begin() + 13);
  return node;
}

MacAddress multicast_mac(const IpAddress& address) {
  CAUSEWAY_ASSERT(address.v6);
  MacAddress mac{{0x33, 0x33}};
  std::copy_n(address.bytes.begin() + 12, 4, mac.bytes.begin() + 2);
  return mac;
}

SocketAddress to_socket_address(const IpAddress& address, uint16_t port) {
  SocketAddress out;
  if (address.v6) {
    auto* to = reinterpret_cast<sockaddr_in6*>(&out.storage);
    to->sin6_family = AF_INET6;
    to->sin6_port = htons(port);
    std::memcpy(&to->sin6_addr, address.bytes.data(), 16);
    out.bytes = sizeof *to;
  } else {
    auto* to = reinterpret_cast<sockaddr_in*>(&out.storage);
    to->sin_family = AF_INET;
    to->sin_port = htons(port);
    std::memcpy(&to->sin_addr, address.bytes.data(), 4);
    out.bytes = sizeof *to;
  }
  return out;
}

IpAddress ip_of(const SocketAddress& address) {
  IpAddress out;
  if (address.storage.ss_family == AF_INET6) {
    out.v6 = true;
    std::memcpy(
        out.bytes.data(),
        &reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_addr,
        16);
  } else {
    CAUSEWAY_ASSERT(address.storage.ss_family == AF_INET);
    std::memcpy(
        out.bytes.data(),
        &reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_addr, 4);
  }
  return out;
}

}  // namespace causeway
