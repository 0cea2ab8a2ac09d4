#include <algorithm>
#include <cstring>

#include "dpdk-wan/port/checksum.h"
#include "dpdk-wan/port/frame_builder.h"
#include "engine/base/assert.h"

namespace causeway {
namespace {

using FrameRoom = std::span<std::byte>;

constexpr uint8_t kHops = 64;
// RFC 4861: proof that no router was between.
constexpr uint8_t kHopsOfNeighbours = 255;
constexpr uint8_t kSolicitation = 135;
constexpr uint8_t kAdvertisement = 136;

void put8(FrameRoom out, size_t at, uint8_t value) {
  out[at] = std::byte{value};
}

void put16(FrameRoom out, size_t at, uint16_t value) {
  put8(out, at, static_cast<uint8_t>(value >> 8));
  put8(out, at + 1, static_cast<uint8_t>(value));
}

void put_mac(FrameRoom out, size_t at, const MacAddress& mac) {
  std::memcpy(out.subspan(at, 6).data(), mac.bytes.data(), 6);
}

void put_ip(FrameRoom out, size_t at, const IpAddress& ip) {
  std::memcpy(out.subspan(at, ip.size()).data(), ip.bytes.data(), ip.size());
}

void put_ethernet(FrameRoom out, const MacAddress& from, uint16_t ether_type) {
  put_mac(out, 6, from);
  put16(out, 12, ether_type);
}

struct IpHead {
  IpAddress from;
  IpAddress to;
  uint8_t protocol = 0;
  uint8_t hops = kHops;
  uint8_t ecn = 0;
};

void put_ipv4(FrameRoom out, const IpHead& head, size_t content_bytes,
              ChecksumBy by) {
  put8(out, 0, 0x45);
  put8(out, 1, head.ecn);
  put16(out, 2, static_cast<uint16_t>(kIpv4Bytes + content_bytes));
  put16(out, 4, 0);       // no fragments, no identity (RFC 6864)
  put16(out, 6, 0x4000);  // do not fragment
  put8(out, 8, head.hops);
  put8(out, 9, head.protocol);
  put16(out, 10, 0);
  put_ip(out, 12, head.from);
  put_ip(out, 16, head.to);
  if (by == ChecksumBy::kPort) return;
  put16(out, 10, Checksum().add(out.first(kIpv4Bytes)).value());
}

void put_ipv6(FrameRoom out, const IpHead& head, size_t content_bytes) {
  put8(out, 0, 0x60);
  put8(out, 1, static_cast<uint8_t>(head.ecn << 4));
  put16(out, 2, 0);
  put16(out, 4, static_cast<uint16_t>(content_bytes));
  put8(out, 6, head.protocol);
  put8(out, 7, head.hops);
  put_ip(out, 8, head.from);
  put_ip(out, 24, head.to);
}

// Ethernet and IP; returns where the content begins.
size_t put_packet(FrameRoom out, const MacAddress& from, const IpHead& head,
                  size_t content_bytes, ChecksumBy by) {
  const bool v6 = head.from.v6;
  CAUSEWAY_ASSERT(v6 == head.to.v6 && content_bytes <= UINT16_MAX - kIpv4Bytes);
  put_ethernet(out, from, v6 ? kEtherTypeIpv6 : kEtherTypeIpv4);
  if (v6) {
    put_ipv6(out.subspan(kEthernetBytes), head, content_bytes);
  } else {
    put_ipv4(out.subspan(kEthernetBytes), head, content_bytes, by);
  }
  return kEthernetBytes + (v6 ? kIpv6Bytes : kIpv4Bytes);
}

size_t padded(FrameRoom out, size_t bytes) {
  if (bytes >= kFrameBytesMin) return bytes;
  std::fill(out.begin() + static_cast<ptrdiff_t>(bytes),
            out.begin() + kFrameBytesMin, std::byte{0});
  return kFrameBytesMin;
}

size_t build_arp(FrameRoom out, const PortAddress& own, uint16_t operation,
                 const MacAddress& target_mac, const IpAddress& target) {
  CAUSEWAY_ASSERT(out.size() >= kFrameBytesMin && !own.ip.v6 && !target.v6);
  put_ethernet(out, own.mac, kEtherTypeArp);
  const FrameRoom arp = out.subspan(kEthernetBytes);
  put16(arp, 0, 1);
  put16(arp, 2, kEtherTypeIpv4);
  put8(arp, 4, 6);
  put8(arp, 5, 4);
  put16(arp, 6, operation);
  put_mac(arp, 8, own.mac);
  put_ip(arp, 14, own.ip);
  put_mac(arp, 18, target_mac);
  put_ip(arp, 24, target);
  return padded(out, kEthernetBytes + 28);
}

// A solicitation or advertisement with its one option.
size_t build_ndp(FrameRoom out, const PortAddress& own, const IpAddress& to,
                 uint8_t type, uint8_t flags, const IpAddress& target) {
  constexpr size_t kMessageBytes = 32;
  const IpHead head{own.ip, to, kProtocolIcmpv6, kHopsOfNeighbours};
  const size_t at =
      put_packet(out, own.mac, head, kMessageBytes, ChecksumBy::kSoftware);
  const FrameRoom message = out.subspan(at, kMessageBytes);
  std::fill(message.begin(), message.end(), std::byte{0});
  put8(message, 0, type);
  put8(message, 4, flags);
  put_ip(message, 8, target);
  put8(message, 24, type == kSolicitation ? 1 : 2);
  put8(message, 25, 1);  // in units of 8 bytes
  put_mac(message, 26, own.mac);
  put16(message, 2,
        pseudo_head(own.ip, to, kProtocolIcmpv6, kMessageBytes)
            .add(message)
            .value());
  return at + kMessageBytes;
}

IpAddress all_nodes() {
  IpAddress nodes{{0xff, 0x02}, true};
  nodes.bytes[15] = 1;
  return nodes;
}

}  // namespace

void build_udp_heads(FrameRoom frame, const UdpHeads& heads, ChecksumBy by) {
  const size_t heads_bytes = udp_heads_bytes(heads.to.v6);
  CAUSEWAY_ASSERT(frame.size() > heads_bytes);
  const FrameRoom udp = frame.subspan(heads_bytes - kUdpBytes);
  const IpHead head{heads.from.ip, heads.to, kProtocolUdp, kHops, heads.ecn};
  put_packet(frame, heads.from.mac, head, udp.size(), by);
  put16(udp, 0, heads.from_port);
  put16(udp, 2, heads.to_port);
  put16(udp, 4, static_cast<uint16_t>(udp.size()));
  put16(udp, 6, 0);
  Checksum sum = pseudo_head(heads.from.ip, heads.to, kProtocolUdp, udp.size());
  if (by == ChecksumBy::kPort) {
    put16(udp, 6, sum.sum());
    return;
  }
  const uint16_t value = sum.add(udp).value();
  // 0 would say that there is none (RFC 768).
  put16(udp, 6, value == 0 ? 0xffff : value);
}

void set_ethernet_to(FrameRoom frame, const MacAddress& to) {
  put_mac(frame, 0, to);
}

size_t build_neighbour_question(FrameRoom out, const PortAddress& own,
                                const IpAddress& target) {
  if (target.v6) {
    const IpAddress group = solicited_node(target);
    set_ethernet_to(out, multicast_mac(group));
    return build_ndp(out, own, group, kSolicitation, 0, target);
  }
  set_ethernet_to(out, kBroadcastMac);
  return build_arp(out, own, 1, {}, target);
}

size_t build_neighbour_answer(FrameRoom out, const PortAddress& own,
                              const IpAddress& asker, const MacAddress& to) {
  constexpr uint8_t kSolicitedOverride = 0x60;
  constexpr uint8_t kOverride = 0x20;
  set_ethernet_to(out, to);
  if (!own.ip.v6) return build_arp(out, own, 2, to, asker);
  if (!asker.is_none()) {
    return build_ndp(out, own, asker, kAdvertisement, kSolicitedOverride,
                     own.ip);
  }
  // It is about to take our address: all are told whose it is.
  set_ethernet_to(out, multicast_mac(all_nodes()));
  return build_ndp(out, own, all_nodes(), kAdvertisement, kOverride, own.ip);
}

size_t build_neighbour_announcement(FrameRoom out, const PortAddress& own) {
  if (own.ip.v6) return build_neighbour_answer(out, own, {{}, true}, {});
  set_ethernet_to(out, kBroadcastMac);
  return build_arp(out, own, 1, {}, own.ip);  // RFC 5227, 2.3
}

size_t build_echo_reply(FrameRoom out, const PortAddress& own,
                        const EchoRequest& request, const MacAddress& to) {
  const bool v6 = own.ip.v6;
  const IpHead head{own.ip, request.from, v6 ? kProtocolIcmpv6 : kProtocolIcmp};
  const size_t bytes = request.message.size();
  const size_t at =
      put_packet(out, own.mac, head, bytes, ChecksumBy::kSoftware);
  set_ethernet_to(out, to);
  const FrameRoom message = out.subspan(at, bytes);
  std::copy(request.message.begin(), request.message.end(), message.begin());
  put8(message, 0, v6 ? 129 : 0);
  put16(message, 2, 0);
  Checksum sum = v6 ? pseudo_head(own.ip, request.from, kProtocolIcmpv6, bytes)
                    : Checksum();
  put16(message, 2, sum.add(message).value());
  return padded(out, at + bytes);
}

}  // namespace causeway
