// What an Ethernet frame says to a port: a UDP datagram, a neighbour's question
// or answer (ARP or NDP), an echo request, that one of our datagrams was not
// delivered; or why it is none of them. IPv4 and IPv6 without options or
// extension heads; no VLAN tags.
//
//   Ethernet 14 | IPv4 20 or IPv6 40 | UDP 8 | payload
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

#include "dpdk-wan/port/ip_address.h"

namespace causeway {

inline constexpr size_t kEthernetBytes = 14;
inline constexpr size_t kIpv4Bytes = 20;
inline constexpr size_t kIpv6Bytes = 40;
inline constexpr size_t kUdpBytes = 8;

inline constexpr uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr uint16_t kEtherTypeArp = 0x0806;
inline constexpr uint16_t kEtherTypeIpv6 = 0x86dd;
inline constexpr uint8_t kProtocolIcmp = 1;
inline constexpr uint8_t kProtocolUdp = 17;
inline constexpr uint8_t kProtocolIcmpv6 = 58;

constexpr size_t udp_heads_bytes(bool v6) {
  return kEthernetBytes + (v6 ? kIpv6Bytes : kIpv4Bytes) + kUdpBytes;
}

struct UdpDatagram {
  IpAddress from;
  IpAddress to;
  uint16_t from_port = 0;
  uint16_t to_port = 0;
  uint8_t ecn = 0;
  std::span<const std::byte> payload;  // inside the frame
};

// ARP and NDP say the same: who has `target` (asks), `sender` is at
// `sender_mac` (which a question may leave out).
struct NeighbourMessage {
  bool asks = false;
  bool has_mac = false;
  IpAddress sender;  // none: an address that its host is still claiming
  MacAddress sender_mac;
  IpAddress target;  // of a question
};

struct EchoRequest {
  IpAddress from;
  IpAddress to;
  std::span<const std::byte> message;  // ICMP, from its first byte
};

// ICMP, of a datagram that somebody in our name has sent.
struct Undelivered {
  UdpDatagram sent;        // without its payload
  uint32_t mtu_bytes = 0;  // of the link that it was too large for; 0: no such
                           // link, nothing listens there
};

enum class FrameRefusal : uint8_t {
  kShort,          // ends before what its heads promise
  kEtherType,      // neither IP nor ARP
  kIpHead,         // version, length fields, options
  kIpChecksum,     //
  kFragment,       // we send none and take none
  kProtocol,       // neither UDP nor an ICMP message that we know
  kAddress,        // from a group or from nowhere; port 0
  kUdpLength,      //
  kUdpChecksum,    // wrong, or none where IPv6 wants one
  kNeighbour,      // ARP or NDP that breaks its RFC
  kIcmpChecksum,   //
  kIcmpMessage,    // cut, or without what it quotes
  kForSomeoneElse  // another host's, or our own coming back
};
inline constexpr size_t kFrameRefusals = 13;
const char* frame_refusal_name(FrameRefusal refusal);

struct Frame {
  MacAddress from;
  MacAddress to;
  std::variant<FrameRefusal, UdpDatagram, NeighbourMessage, EchoRequest,
               Undelivered>
      body = FrameRefusal::kShort;
};

}  // namespace causeway
