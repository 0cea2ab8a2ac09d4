#include <algorithm>
#include <cstring>

#include "dpdk-wan/port/checksum.h"
#include "dpdk-wan/port/frame_decoder.h"
#include "engine/base/assert.h"

namespace causeway {
namespace {

using FrameBytes = std::span<const std::byte>;
using Body = decltype(Frame::body);

constexpr size_t kArpBytes = 28;

uint8_t u8(FrameBytes from, size_t at) {
  return static_cast<uint8_t>(from[at]);
}

uint16_t u16(FrameBytes from, size_t at) {
  return static_cast<uint16_t>(u8(from, at) << 8 | u8(from, at + 1));
}

uint32_t u32(FrameBytes from, size_t at) {
  return static_cast<uint32_t>(u16(from, at)) << 16 | u16(from, at + 2);
}

MacAddress mac_at(FrameBytes from, size_t at) {
  MacAddress mac;
  std::memcpy(mac.bytes.data(), from.subspan(at, 6).data(), 6);
  return mac;
}

IpAddress ip_at(FrameBytes from, size_t at, bool v6) {
  IpAddress ip;
  ip.v6 = v6;
  std::memcpy(ip.bytes.data(), from.subspan(at, ip.size()).data(), ip.size());
  return ip;
}

// One IP packet, its head checked.
struct Packet {
  IpAddress from;
  IpAddress to;
  uint8_t protocol = 0;
  uint8_t hop_limit = 0;
  uint8_t ecn = 0;
  FrameBytes content;
};

bool sums_up(const Packet& packet, FrameBytes content) {
  return pseudo_head(packet.from, packet.to, packet.protocol, content.size())
             .add(content)
             .sum() == 0xffff;
}

Body decode_udp(const Packet& packet, bool verified) {
  const FrameBytes in = packet.content;
  if (in.size() < kUdpBytes) return FrameRefusal::kShort;
  const size_t bytes = u16(in, 4);
  if (bytes < kUdpBytes || bytes > in.size()) return FrameRefusal::kUdpLength;
  const bool has_sum = u16(in, 6) != 0;
  // RFC 8200, 8.1: not optional in IPv6.
  if (!has_sum && packet.from.v6) return FrameRefusal::kUdpChecksum;
  if (has_sum && !verified && !sums_up(packet, in.first(bytes))) {
    return FrameRefusal::kUdpChecksum;
  }
  UdpDatagram out{packet.from, packet.to,  u16(in, 0),
                  u16(in, 2),  packet.ecn, in.subspan(kUdpBytes)};
  out.payload = out.payload.first(bytes - kUdpBytes);
  if (out.from.is_group_or_none() || out.from_port == 0) {
    return FrameRefusal::kAddress;
  }
  return out;
}

// What an ICMP error quotes of a datagram that we sent: it is cut anywhere
// after UDP's head, so only the heads are looked at.
Body decode_quoted(FrameBytes quoted, bool v6, uint32_t mtu_bytes) {
  const size_t ip_bytes = v6 ? kIpv6Bytes : kIpv4Bytes;
  if (quoted.size() < ip_bytes + kUdpBytes) return FrameRefusal::kIcmpMessage;
  // We send neither options nor extension heads.
  const bool ours = v6 ? u8(quoted, 0) >> 4 == 6 && u8(quoted, 6) == 17
                       : u8(quoted, 0) == 0x45 && u8(quoted, 9) == 17;
  if (!ours) return FrameRefusal::kIcmpMessage;
  Undelivered out;
  out.sent.from = ip_at(quoted, v6 ? 8 : 12, v6);
  out.sent.to = ip_at(quoted, v6 ? 24 : 16, v6);
  out.sent.from_port = u16(quoted, ip_bytes);
  out.sent.to_port = u16(quoted, ip_bytes + 2);
  out.mtu_bytes = mtu_bytes;
  return out;
}

Body decode_icmp(const Packet& packet) {
  const FrameBytes in = packet.content;
  if (in.size() < 8) return FrameRefusal::kShort;
  if (Checksum().add(in).sum() != 0xffff) return FrameRefusal::kIcmpChecksum;
  const uint8_t type = u8(in, 0);
  const uint8_t code = u8(in, 1);
  if (type == 8 && code == 0) {
    if (packet.from.is_group_or_none()) return FrameRefusal::kAddress;
    return EchoRequest{packet.from, packet.to, in};
  }
  if (type != 3) return FrameRefusal::kProtocol;
  // Destination unreachable: its port; or RFC 1191, fragmentation needed (0 is
  // a router from before, which does not say how small).
  if (code == 3) return decode_quoted(in.subspan(8), false, 0);
  if (code != 4) return FrameRefusal::kProtocol;
  if (u16(in, 6) == 0) return FrameRefusal::kIcmpMessage;
  return decode_quoted(in.subspan(8), false, u16(in, 6));
}

// RFC 4861, 4.6: type, length in units of 8 bytes, which is never 0. The one
// wanted is a link-layer address of 6 bytes.
bool find_mac_option(FrameBytes options, uint8_t type, NeighbourMessage& out) {
  while (!options.empty()) {
    if (options.size() < 8) return false;
    const size_t bytes = size_t{u8(options, 1)} * 8;
    if (bytes == 0 || bytes > options.size()) return false;
    if (u8(options, 0) == type && bytes == 8) {
      out.sender_mac = mac_at(options, 2);
      out.has_mac = true;
    }
    options = options.subspan(bytes);
  }
  return true;
}

// RFC 4861, 7.1: what a receiver must check.
Body decode_neighbour(const Packet& packet, bool asks) {
  constexpr size_t kMessageBytes = 24;
  constexpr uint8_t kSourceOption = 1;
  constexpr uint8_t kTargetOption = 2;
  const FrameBytes in = packet.content;
  if (in.size() < kMessageBytes) return FrameRefusal::kNeighbour;
  const IpAddress target = ip_at(in, 8, true);
  NeighbourMessage out;
  out.asks = asks;
  out.sender = asks ? packet.from : target;
  if (asks) out.target = target;
  const bool options_are_good = find_mac_option(
      in.subspan(kMessageBytes), asks ? kSourceOption : kTargetOption, out);
  if (packet.hop_limit != 255 || u8(in, 1) != 0 || target.is_group_or_none() ||
      !options_are_good || (out.has_mac && out.sender_mac.is_group())) {
    return FrameRefusal::kNeighbour;
  }
  // From nowhere is who still claims its address; it has nothing to tell.
  if (asks && packet.from.is_group_or_none() &&
      (!packet.from.is_none() || out.has_mac)) {
    return FrameRefusal::kNeighbour;
  }
  return out;
}

Body decode_icmpv6(const Packet& packet) {
  const FrameBytes in = packet.content;
  if (in.size() < 8) return FrameRefusal::kShort;
  if (!sums_up(packet, in)) return FrameRefusal::kIcmpChecksum;
  switch (u8(in, 0)) {
    case 1:
      if (u8(in, 1) != 4) return FrameRefusal::kProtocol;
      return decode_quoted(in.subspan(8), true, 0);
    case 2:
      if (u32(in, 4) == 0) return FrameRefusal::kIcmpMessage;
      return decode_quoted(in.subspan(8), true, u32(in, 4));
    case 128:
      if (packet.from.is_group_or_none()) return FrameRefusal::kAddress;
      return EchoRequest{packet.from, packet.to, in};
    case 135:
      return decode_neighbour(packet, true);
    case 136:
      return decode_neighbour(packet, false);
    default:
      return FrameRefusal::kProtocol;
  }
}

Body decode_ipv4(FrameBytes in, VerifiedChecksums verified) {
  if (in.size() < kIpv4Bytes) return FrameRefusal::kShort;
  const size_t bytes = u16(in, 2);
  // Options have been of no use on the internet for long (RFC 7126).
  if (u8(in, 0) != 0x45 || bytes < kIpv4Bytes) return FrameRefusal::kIpHead;
  if (bytes > in.size()) return FrameRefusal::kShort;
  if (!verified.ip && Checksum().add(in.first(kIpv4Bytes)).sum() != 0xffff) {
    return FrameRefusal::kIpChecksum;
  }
  // More fragments, or not the first.
  if ((u16(in, 6) & 0x3fff) != 0) return FrameRefusal::kFragment;
  Packet packet{ip_at(in, 12, false),
                ip_at(in, 16, false),
                u8(in, 9),
                u8(in, 8),
                static_cast<uint8_t>(u8(in, 1) & 3),
                in.first(bytes).subspan(kIpv4Bytes)};
  if (packet.protocol == kProtocolUdp) return decode_udp(packet, verified.udp);
  if (packet.protocol == kProtocolIcmp) return decode_icmp(packet);
  return FrameRefusal::kProtocol;
}

Body decode_ipv6(FrameBytes in, VerifiedChecksums verified) {
  if (in.size() < kIpv6Bytes) return FrameRefusal::kShort;
  if (u8(in, 0) >> 4 != 6) return FrameRefusal::kIpHead;
  const size_t bytes = u16(in, 4);
  if (bytes > in.size() - kIpv6Bytes) return FrameRefusal::kShort;
  Packet packet{ip_at(in, 8, true),
                ip_at(in, 24, true),
                u8(in, 6),
                u8(in, 7),
                static_cast<uint8_t>(u8(in, 1) >> 4 & 3),
                in.subspan(kIpv6Bytes, bytes)};
  if (packet.protocol == kProtocolUdp) return decode_udp(packet, verified.udp);
  if (packet.protocol == kProtocolIcmpv6) return decode_icmpv6(packet);
  constexpr uint8_t kFragmentHead = 44;
  return packet.protocol == kFragmentHead ? FrameRefusal::kFragment
                                          : FrameRefusal::kProtocol;
}

// RFC 826, for IPv4 on Ethernet.
Body decode_arp(FrameBytes in) {
  if (in.size() < kArpBytes) return FrameRefusal::kShort;
  const uint16_t operation = u16(in, 6);
  NeighbourMessage out;
  out.asks = operation == 1;
  out.has_mac = true;
  out.sender_mac = mac_at(in, 8);
  out.sender = ip_at(in, 14, false);
  if (out.asks) out.target = ip_at(in, 24, false);
  if (u16(in, 0) != 1 || u16(in, 2) != kEtherTypeIpv4 || u8(in, 4) != 6 ||
      u8(in, 5) != 4 || operation < 1 || operation > 2 ||
      out.sender_mac.is_group() ||
      (!out.sender.is_none() && out.sender.is_group_or_none())) {
    return FrameRefusal::kNeighbour;
  }
  return out;
}

Body decode_body(FrameBytes in, uint16_t ether_type,
                 VerifiedChecksums verified) {
  switch (ether_type) {
    case kEtherTypeIpv4:
      return decode_ipv4(in, verified);
    case kEtherTypeIpv6:
      return decode_ipv6(in, verified);
    case kEtherTypeArp:
      return decode_arp(in);
    default:
      return FrameRefusal::kEtherType;
  }
}

}  // namespace

const char* frame_refusal_name(FrameRefusal refusal) {
  static constexpr const char* kNames[] = {
      "too short",       "other ether type", "IP head",       "IP checksum",
      "fragment",        "other protocol",   "address",       "UDP length",
      "UDP checksum",    "ARP or NDP",       "ICMP checksum", "ICMP message",
      "for someone else"};
  static_assert(std::size(kNames) == kFrameRefusals);
  const auto index = static_cast<size_t>(refusal);
  CAUSEWAY_ASSERT(index < kFrameRefusals);
  return kNames[index];
}

Frame decode_frame(FrameBytes bytes, VerifiedChecksums verified) {
  Frame frame;
  if (bytes.size() < kEthernetBytes) return frame;
  frame.to = mac_at(bytes, 0);
  frame.from = mac_at(bytes, 6);
  frame.body =
      decode_body(bytes.subspan(kEthernetBytes), u16(bytes, 12), verified);
  return frame;
}

}  // namespace causeway
