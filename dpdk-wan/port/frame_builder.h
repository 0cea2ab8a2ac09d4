// From what a port has to say to the bytes of a frame: the heads in front of a
// UDP payload, and the few control messages, whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dpdk-wan/port/frame.h"

namespace causeway {

// Ethernet's least frame, without its check sequence.
inline constexpr size_t kFrameBytesMin = 60;

// One end of the frames: the port itself.
struct PortAddress {
  MacAddress mac;
  IpAddress ip;
};

struct UdpHeads {
  PortAddress from;
  IpAddress to;
  uint16_t from_port = 0;
  uint16_t to_port = 0;
  uint8_t ecn = 0;  // 0 to 3
};

enum class ChecksumBy {
  kSoftware,  // in here
  kPort,      // UDP's field holds the pseudo-header's sum, IPv4's is 0
};

// Fills the heads of `frame`, whose payload stands behind them: everything but
// the Ethernet destination. The same for all payloads: "do not fragment",
// 64 hops, no options.
void build_udp_heads(std::span<std::byte> frame, const UdpHeads& heads,
                     ChecksumBy by);
void set_ethernet_to(std::span<std::byte> frame, const MacAddress& to);

// Each returns the length of the frame that it built at the start of `out`,
// which has room for kFrameBytesMin and 2 * kIpv6Bytes (the echo reply: for
// that and the message).
size_t build_neighbour_question(std::span<std::byte> out,
                                const PortAddress& own,
                                const IpAddress& target);
// To `asker`, whose frame came from `to`.
size_t build_neighbour_answer(std::span<std::byte> out, const PortAddress& own,
                              const IpAddress& asker, const MacAddress& to);
// To all, that they may correct what they know of us.
size_t build_neighbour_announcement(std::span<std::byte> out,
                                    const PortAddress& own);
size_t build_echo_reply(std::span<std::byte> out, const PortAddress& own,
                        const EchoRequest& request, const MacAddress& to);

}  // namespace causeway
