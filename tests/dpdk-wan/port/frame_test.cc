#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "dpdk-wan/port/checksum.h"
#include "dpdk-wan/port/frame_builder.h"
#include "dpdk-wan/port/frame_decoder.h"

namespace causeway {
namespace {

using Bytes = std::vector<std::byte>;

constexpr MacAddress kMacA{{2, 0, 0, 0, 0, 0xa}};
constexpr MacAddress kMacB{{2, 0, 0, 0, 0, 0xb}};

PortAddress port_a(bool v6) {
  return {kMacA, parse_ip_address(v6 ? "2001:db8::a" : "192.0.2.10").value()};
}
PortAddress port_b(bool v6) {
  return {kMacB, parse_ip_address(v6 ? "2001:db8::b" : "192.0.2.11").value()};
}

Bytes datagram(bool v6, size_t payload_bytes, uint8_t ecn = 0,
               ChecksumBy by = ChecksumBy::kSoftware) {
  Bytes frame(udp_heads_bytes(v6) + payload_bytes);
  for (size_t i = udp_heads_bytes(v6); i < frame.size(); ++i) {
    frame[i] = static_cast<std::byte>(i * 7);
  }
  build_udp_heads(frame, {port_a(v6), port_b(v6).ip, 4000, 5000, ecn}, by);
  set_ethernet_to(frame, kMacB);
  return frame;
}

template <typename Build>
Bytes control(Build build) {
  Bytes frame(2000);
  frame.resize(build(std::span(frame)));
  return frame;
}

FrameRefusal refusal_of(std::span<const std::byte> bytes) {
  const Frame frame = decode_frame(bytes);
  const auto* refusal = std::get_if<FrameRefusal>(&frame.body);
  EXPECT_NE(refusal, nullptr) << "it was believed";
  return refusal != nullptr ? *refusal : FrameRefusal::kForSomeoneElse;
}

template <typename T>
T body_of(std::span<const std::byte> bytes) {
  const Frame frame = decode_frame(bytes);
  const T* body = std::get_if<T>(&frame.body);
  if (body == nullptr) {
    const auto* refusal = std::get_if<FrameRefusal>(&frame.body);
    ADD_FAILURE() << (refusal != nullptr ? frame_refusal_name(*refusal)
                                         : "something else");
    return {};
  }
  return *body;
}

// Puts right the checksum of an IPv4 head or of ICMPv6 after a change.
void mend_ipv4(Bytes& frame) {
  const std::span head = std::span(frame).subspan(kEthernetBytes, kIpv4Bytes);
  head[10] = head[11] = {};
  const uint16_t sum = Checksum().add(head).value();
  head[10] = static_cast<std::byte>(sum >> 8);
  head[11] = static_cast<std::byte>(sum);
}
void mend_icmpv6(Bytes& frame) {
  const std::span ip = std::span(frame).subspan(kEthernetBytes);
  const std::span message = ip.subspan(kIpv6Bytes);
  message[2] = message[3] = {};
  const uint16_t sum = Checksum()
                           .add(ip.subspan(8, 32))
                           .add_word(kProtocolIcmpv6)
                           .add_word(static_cast<uint16_t>(message.size()))
                           .add(message)
                           .value();
  message[2] = static_cast<std::byte>(sum >> 8);
  message[3] = static_cast<std::byte>(sum);
}
// Of a message of `bytes`, which padding may follow.
void mend_icmpv4(Bytes& frame, size_t bytes) {
  const std::span icmp =
      std::span(frame).subspan(kEthernetBytes + kIpv4Bytes, bytes);
  icmp[2] = icmp[3] = {};
  const uint16_t sum = Checksum().add(icmp).value();
  icmp[2] = static_cast<std::byte>(sum >> 8);
  icmp[3] = static_cast<std::byte>(sum);
}
void mend_icmp(Bytes& frame, bool v6, size_t bytes) {
  if (v6) {
    mend_icmpv6(frame);
  } else {
    mend_icmpv4(frame, bytes);
  }
}

class FrameOfFamily : public testing::TestWithParam<bool> {};

TEST_P(FrameOfFamily, ADatagramIsReadAsItWasBuilt) {
  const bool v6 = GetParam();
  for (const size_t bytes : {1, 2, 3, 18, 1200, 1452, 8952}) {
    const Bytes frame = datagram(v6, bytes, bytes % 4);
    const Frame read = decode_frame(frame);
    EXPECT_EQ(read.from, kMacA);
    EXPECT_EQ(read.to, kMacB);
    const auto body = body_of<UdpDatagram>(frame);
    EXPECT_EQ(body.from, port_a(v6).ip);
    EXPECT_EQ(body.to, port_b(v6).ip);
    EXPECT_EQ(body.from_port, 4000);
    EXPECT_EQ(body.to_port, 5000);
    EXPECT_EQ(body.ecn, bytes % 4);
    EXPECT_EQ(body.payload.data(), frame.data() + udp_heads_bytes(v6));
    EXPECT_EQ(body.payload.size(), bytes);
  }
}

// A short frame comes padded, by the sender's NIC.
TEST_P(FrameOfFamily, PaddingIsNoPayload) {
  Bytes frame = datagram(GetParam(), 1);
  frame.resize(frame.size() + 20, std::byte{0xee});
  EXPECT_EQ(body_of<UdpDatagram>(frame).payload.size(), 1u);
}

TEST_P(FrameOfFamily, ACutFrameIsRefusedAtEveryLength) {
  const Bytes frame = datagram(GetParam(), 300);
  for (size_t bytes = 0; bytes < frame.size(); ++bytes) {
    const Bytes cut(frame.begin(), frame.begin() + static_cast<long>(bytes));
    EXPECT_EQ(refusal_of(cut), FrameRefusal::kShort) << bytes;
  }
}

// The checksums cover all but the Ethernet head, and of IPv6 the traffic
// class, the flow label and the hop limit.
TEST_P(FrameOfFamily, NoFlippedBitIsBelieved) {
  const bool v6 = GetParam();
  const Bytes good = datagram(v6, 40);
  for (size_t bit = 12 * 8; bit < good.size() * 8; ++bit) {
    const size_t ip = bit / 8 - kEthernetBytes;
    if (v6 && bit / 8 >= kEthernetBytes) {
      const bool is_version = bit % 8 >= 4 && ip == 0;
      if ((ip < 4 && !is_version) || ip == 7) continue;
    }
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    (void)refusal_of(bad);
  }
}

TEST_P(FrameOfFamily, WhatThePortVerifiedIsNotSummedAgain) {
  const bool v6 = GetParam();
  Bytes frame = datagram(v6, 100);
  frame.back() ^= std::byte{1};
  EXPECT_EQ(refusal_of(frame), FrameRefusal::kUdpChecksum);
  const Frame trusted = decode_frame(frame, {true, true});
  EXPECT_TRUE(std::holds_alternative<UdpDatagram>(trusted.body));
}

// What the port is to finish: UDP's sum over the pseudo-head, IPv4's left out.
TEST_P(FrameOfFamily, ThePortGetsThePseudoHeadsSum) {
  const bool v6 = GetParam();
  Bytes frame = datagram(v6, 101, 0, ChecksumBy::kPort);
  const size_t at = udp_heads_bytes(v6) - kUdpBytes;
  const std::span udp = std::span(frame).subspan(at);
  const uint16_t sum = Checksum().add(udp).value();
  udp[6] = static_cast<std::byte>(sum >> 8);
  udp[7] = static_cast<std::byte>(sum);
  if (!v6) {
    EXPECT_EQ(frame[24], std::byte{0});
    EXPECT_EQ(frame[25], std::byte{0});
    mend_ipv4(frame);
  }
  EXPECT_EQ(body_of<UdpDatagram>(frame).payload.size(), 101u);
}

TEST_P(FrameOfFamily, AnUnansweredSourceIsRefused) {
  const bool v6 = GetParam();
  const auto to = port_b(v6).ip;
  for (const char* text :
       {v6 ? "ff02::1" : "224.0.0.1", v6 ? "::" : "0.0.0.0"}) {
    Bytes frame(udp_heads_bytes(v6) + 10);
    const PortAddress from{kMacA, parse_ip_address(text).value()};
    build_udp_heads(frame, {from, to, 4000, 5000, 0}, ChecksumBy::kSoftware);
    EXPECT_EQ(refusal_of(frame), FrameRefusal::kAddress) << text;
  }
  Bytes frame(udp_heads_bytes(v6) + 10);
  build_udp_heads(frame, {port_a(v6), to, 0, 5000, 0}, ChecksumBy::kSoftware);
  EXPECT_EQ(refusal_of(frame), FrameRefusal::kAddress);
}

TEST_P(FrameOfFamily, ANeighboursQuestionNamesAskerAndTarget) {
  const bool v6 = GetParam();
  const Bytes frame = control([&](auto out) {
    return build_neighbour_question(out, port_a(v6), port_b(v6).ip);
  });
  EXPECT_GE(frame.size(), kFrameBytesMin);
  const Frame read = decode_frame(frame);
  EXPECT_TRUE(read.to.is_group());
  const auto body = body_of<NeighbourMessage>(frame);
  EXPECT_TRUE(body.asks);
  EXPECT_TRUE(body.has_mac);
  EXPECT_EQ(body.sender, port_a(v6).ip);
  EXPECT_EQ(body.sender_mac, kMacA);
  EXPECT_EQ(body.target, port_b(v6).ip);
}

TEST_P(FrameOfFamily, ANeighboursAnswerNamesWhoItIs) {
  const bool v6 = GetParam();
  const Bytes frame = control([&](auto out) {
    return build_neighbour_answer(out, port_b(v6), port_a(v6).ip, kMacA);
  });
  EXPECT_EQ(decode_frame(frame).to, kMacA);
  const auto body = body_of<NeighbourMessage>(frame);
  EXPECT_FALSE(body.asks);
  EXPECT_EQ(body.sender, port_b(v6).ip);
  EXPECT_EQ(body.sender_mac, kMacB);
}

TEST_P(FrameOfFamily, AnAnnouncementGoesToAll) {
  const bool v6 = GetParam();
  const Bytes frame = control(
      [&](auto out) { return build_neighbour_announcement(out, port_a(v6)); });
  EXPECT_TRUE(decode_frame(frame).to.is_group());
  EXPECT_EQ(body_of<NeighbourMessage>(frame).sender, port_a(v6).ip);
}

TEST_P(FrameOfFamily, ACutControlFrameIsRefusedAtEveryLength) {
  const bool v6 = GetParam();
  const Bytes frame = control([&](auto out) {
    return build_neighbour_question(out, port_a(v6), port_b(v6).ip);
  });
  const size_t needed = v6 ? frame.size() : kEthernetBytes + 28;
  for (size_t bytes = 0; bytes < needed; ++bytes) {
    const Bytes cut(frame.begin(), frame.begin() + static_cast<long>(bytes));
    EXPECT_EQ(refusal_of(cut), FrameRefusal::kShort) << bytes;
  }
}

TEST_P(FrameOfFamily, AnEchoRequestIsRead) {
  const bool v6 = GetParam();
  // A reply is a request but for its type.
  Bytes message(65, std::byte{0x5a});
  message[1] = {};
  Bytes frame = control([&](auto out) {
    return build_echo_reply(out, port_a(v6), {port_b(v6).ip, {}, message},
                            kMacB);
  });
  EXPECT_EQ(refusal_of(frame), FrameRefusal::kProtocol) << "we never ask";
  frame[udp_heads_bytes(v6) - kUdpBytes] = static_cast<std::byte>(v6 ? 128 : 8);
  mend_icmp(frame, v6, message.size());
  const auto body = body_of<EchoRequest>(frame);
  EXPECT_EQ(body.from, port_a(v6).ip);
  EXPECT_EQ(body.to, port_b(v6).ip);
  EXPECT_EQ(body.message.size(), 65u);
  frame.back() ^= std::byte{1};
  EXPECT_EQ(refusal_of(frame), FrameRefusal::kIcmpChecksum);
}

// Of a router that quotes the first bytes of what we sent.
Bytes undelivered(bool v6, uint8_t type, uint8_t code, uint16_t mtu,
                  size_t quoted_bytes) {
  const Bytes sent = datagram(v6, 1400);
  Bytes message(8 + quoted_bytes);
  message[0] = std::byte{type};
  message[1] = std::byte{code};
  message[6] = static_cast<std::byte>(mtu >> 8);
  message[7] = static_cast<std::byte>(mtu);
  std::copy_n(sent.begin() + kEthernetBytes, quoted_bytes, message.begin() + 8);
  Bytes frame = control([&](auto out) {
    return build_echo_reply(out, port_b(v6), {port_a(v6).ip, {}, message},
                            kMacA);
  });
  const size_t at = udp_heads_bytes(v6) - kUdpBytes;
  frame.resize(at + message.size());
  frame[at] = message[0];
  mend_icmp(frame, v6, message.size());
  return frame;
}

Bytes too_big(bool v6, uint16_t mtu, size_t quoted_bytes) {
  return undelivered(v6, v6 ? 2 : 3, v6 ? 0 : 4, mtu, quoted_bytes);
}

TEST_P(FrameOfFamily, TooBigNamesWhatWasSentAndTheMtu) {
  const bool v6 = GetParam();
  const size_t heads = udp_heads_bytes(v6) - kEthernetBytes;
  const auto body = body_of<Undelivered>(too_big(v6, 1300, heads));
  EXPECT_EQ(body.mtu_bytes, 1300u);
  EXPECT_EQ(body.sent.from, port_a(v6).ip);
  EXPECT_EQ(body.sent.to, port_b(v6).ip);
  EXPECT_EQ(body.sent.from_port, 4000);
  EXPECT_EQ(body.sent.to_port, 5000);
  EXPECT_EQ(refusal_of(too_big(v6, 1300, heads - 1)),
            FrameRefusal::kIcmpMessage);
  EXPECT_EQ(refusal_of(too_big(v6, 0, heads)), FrameRefusal::kIcmpMessage);
}

TEST_P(FrameOfFamily, AClosedPortNamesWhatWasSent) {
  const bool v6 = GetParam();
  const size_t heads = udp_heads_bytes(v6) - kEthernetBytes;
  const uint8_t type = v6 ? 1 : 3;
  const uint8_t port = v6 ? 4 : 3;
  const auto body = body_of<Undelivered>(undelivered(v6, type, port, 0, heads));
  EXPECT_EQ(body.mtu_bytes, 0u);
  EXPECT_EQ(body.sent.to_port, 5000);
  // No route: that may pass.
  EXPECT_EQ(refusal_of(undelivered(v6, type, 0, 0, heads)),
            FrameRefusal::kProtocol);
}

INSTANTIATE_TEST_SUITE_P(Ip, FrameOfFamily, testing::Values(false, true),
                         [](const auto& family) {
                           return std::string(family.param ? "v6" : "v4");
                         });

TEST(Frame, OfAnotherKindIsRefused) {
  Bytes frame = datagram(false, 10);
  frame[12] = std::byte{0x81};  // a VLAN tag
  EXPECT_EQ(refusal_of(frame), FrameRefusal::kEtherType);
  frame = datagram(false, 10);
  frame[14] = std::byte{0x46};  // options
  EXPECT_EQ(refusal_of(frame), FrameRefusal::kIpHead);
  frame = datagram(true, 10);
  frame[14] = std::byte{0x50};
  EXPECT_EQ(refusal_of(frame), FrameRefusal::kIpHead);
  frame = datagram(false, 10);
  frame[23] = std::byte{6};  // TCP
  mend_ipv4(frame);
  EXPECT_EQ(refusal_of(frame), FrameRefusal::kProtocol);
}

TEST(Frame, FragmentsAreRefused) {
  for (const uint8_t high : {0x20, 0x1f}) {  // more follow; a later one
    Bytes frame = datagram(false, 10);
    frame[20] = std::byte{high};
    mend_ipv4(frame);
    EXPECT_EQ(refusal_of(frame), FrameRefusal::kFragment);
  }
  Bytes frame = datagram(true, 10);
  frame[20] = std::byte{44};
  EXPECT_EQ(refusal_of(frame), FrameRefusal::kFragment);
}

TEST(Frame, UdpLengthsAreChecked) {
  for (const uint8_t low : {0, 7, 19}) {  // 18 is right
    Bytes frame = datagram(false, 10);
    frame[39] = std::byte{low};
    EXPECT_EQ(refusal_of(frame), FrameRefusal::kUdpLength) << int{low};
  }
}

// RFC 768, RFC 8200, 8.1.
TEST(Frame, OnlyIpv4MayLeaveOutUdpsChecksum) {
  Bytes v4 = datagram(false, 10);
  v4[40] = v4[41] = {};
  EXPECT_EQ(body_of<UdpDatagram>(v4).payload.size(), 10u);
  Bytes v6 = datagram(true, 10);
  v6[60] = v6[61] = {};
  EXPECT_EQ(refusal_of(v6), FrameRefusal::kUdpChecksum);
  EXPECT_TRUE(std::holds_alternative<FrameRefusal>(
      decode_frame(v6, {true, true}).body));
}

TEST(Frame, NeighboursFromBehindARouterAreRefused) {
  const Bytes good = control([](auto out) {
    return build_neighbour_question(out, port_a(true), port_b(true).ip);
  });
  Bytes frame = good;
  frame[21] = std::byte{254};
  EXPECT_EQ(refusal_of(frame), FrameRefusal::kNeighbour);
  constexpr size_t kMessage = kEthernetBytes + kIpv6Bytes;
  for (const uint8_t option_units : {0, 2}) {
    frame = good;
    frame[kMessage + 25] = std::byte{option_units};
    mend_icmpv6(frame);
    EXPECT_EQ(refusal_of(frame), FrameRefusal::kNeighbour);
  }
  frame = good;
  frame[kMessage + 8] = std::byte{0xff};  // who has a group?
  mend_icmpv6(frame);
  EXPECT_EQ(refusal_of(frame), FrameRefusal::kNeighbour);
  frame = good;
  frame[22] = std::byte{0xff};  // a group asks
  mend_icmpv6(frame);
  EXPECT_EQ(refusal_of(frame), FrameRefusal::kNeighbour);
}

TEST(Frame, ArpOfOtherKindsIsRefused) {
  const Bytes good = control([](auto out) {
    return build_neighbour_question(out, port_a(false), port_b(false).ip);
  });
  for (const size_t at : {15, 16, 18, 19, 21}) {
    Bytes frame = good;
    frame[at] = std::byte{9};
    EXPECT_EQ(refusal_of(frame), FrameRefusal::kNeighbour) << at;
  }
  Bytes frame = good;
  frame[22] = std::byte{0xff};  // its owner is a group
  EXPECT_EQ(refusal_of(frame), FrameRefusal::kNeighbour);
}

TEST(Frame, EveryRefusalHasAName) {
  for (size_t i = 0; i < kFrameRefusals; ++i) {
    EXPECT_GT(std::strlen(frame_refusal_name(static_cast<FrameRefusal>(i))),
              2u);
  }
}

}  // namespace
}  // namespace causeway
