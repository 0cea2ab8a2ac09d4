// IpAddress and MacAddress: as they stand in a frame, of either family.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "engine/path/socket_address.h"

namespace causeway {

struct MacAddress {
  std::array<uint8_t, 6> bytes{};

  // To many: broadcast or multicast.
  bool is_group() const { return (bytes[0] & 1) != 0; }
  std::string text() const;  // "02:00:00:00:00:01"
  bool operator==(const MacAddress&) const = default;
};

inline constexpr MacAddress kBroadcastMac{{255, 255, 255, 255, 255, 255}};

struct IpAddress {
  std::array<uint8_t, 16> bytes{};  // network order; 4 of them for IPv4
  bool v6 = false;

  size_t size() const { return v6 ? 16 : 4; }
  // No single host: multicast, IPv4's broadcast, or not specified.
  bool is_group_or_none() const;
  bool is_none() const;
  std::string text() const;
  bool operator==(const IpAddress&) const = default;
};

// Where hosts are reached without a gateway, and our own address in there.
struct IpPrefix {
  IpAddress address;
  unsigned bits = 0;

  bool contains(const IpAddress& other) const;
};

// "192.0.2.5", "2001:db8::5"
Result<IpAddress> parse_ip_address(std::string_view text);
// "192.0.2.5/24", "2001:db8::5/64"
Result<IpPrefix> parse_ip_prefix(std::string_view text);

// RFC 4291, 2.7.1: who is asked for a neighbour of IPv6; and RFC 2464, 7: the
// MAC address of a multicast address.
IpAddress solicited_node(const IpAddress& address);
MacAddress multicast_mac(const IpAddress& address);

SocketAddress to_socket_address(const IpAddress& address, uint16_t port);
IpAddress ip_of(const SocketAddress& address);

}  // namespace causeway
