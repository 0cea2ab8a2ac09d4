// What a DPDK port decodes: any frame. Checksums guard most of it, so every
// input is also tried as the port would have verified it, and with ICMP's
// checksum put right.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "dpdk-wan/port/checksum.h"
#include "dpdk-wan/port/frame_builder.h"
#include "dpdk-wan/port/frame_decoder.h"
#include "engine/base/assert.h"

namespace {

using namespace causeway;  // NOLINT

using Bytes = std::vector<std::byte>;

bool is_inside(std::span<const std::byte> part, const Bytes& whole) {
  return part.empty() ||
         (part.data() >= whole.data() &&
          part.data() + part.size() <= whole.data() + whole.size());
}

// What was believed reads the same when it is built again.
void check_udp(const UdpDatagram& datagram) {
  CAUSEWAY_ASSERT(!datagram.from.is_group_or_none() && datagram.ecn < 4);
  if (datagram.payload.empty()) return;
  Bytes again(udp_heads_bytes(datagram.to.v6) + datagram.payload.size());
  std::copy(datagram.payload.begin(), datagram.payload.end(),
            again.end() - static_cast<ptrdiff_t>(datagram.payload.size()));
  build_udp_heads(again,
                  {{{}, datagram.from},
                   datagram.to,
                   datagram.from_port,
                   datagram.to_port,
                   datagram.ecn},
                  ChecksumBy::kSoftware);
  const Frame frame = decode_frame(again);
  const auto* read = std::get_if<UdpDatagram>(&frame.body);
  CAUSEWAY_ASSERT(read != nullptr && read->from == datagram.from &&
                  read->to == datagram.to && read->ecn == datagram.ecn);
  CAUSEWAY_ASSERT(std::equal(read->payload.begin(), read->payload.end(),
                             datagram.payload.begin(), datagram.payload.end()));
}

void check_echo(const EchoRequest& request) {
  Bytes out(request.message.size() + kFrameBytesMin + 2 * kIpv6Bytes);
  const PortAddress own{{}, request.to};
  out.resize(build_echo_reply(out, own, request, {}));
  const Frame frame = decode_frame(out);
  // We ask nobody for an echo, so an answer is of no known kind.
  CAUSEWAY_ASSERT(std::get<FrameRefusal>(frame.body) ==
                  FrameRefusal::kProtocol);
}

void check(const Bytes& bytes, VerifiedChecksums verified) {
  const Frame frame = decode_frame(bytes, verified);
  if (const auto* datagram = std::get_if<UdpDatagram>(&frame.body)) {
    CAUSEWAY_ASSERT(is_inside(datagram->payload, bytes));
    check_udp(*datagram);
  } else if (const auto* echo = std::get_if<EchoRequest>(&frame.body)) {
    CAUSEWAY_ASSERT(is_inside(echo->message, bytes));
    check_echo(*echo);
  } else if (const auto* said = std::get_if<NeighbourMessage>(&frame.body)) {
    CAUSEWAY_ASSERT(!said->has_mac || !said->sender_mac.is_group());
    CAUSEWAY_ASSERT(said->sender.is_none() || !said->sender.is_group_or_none());
  }
}

void with_right_icmp(Bytes bytes) {
  constexpr size_t kV4 = kEthernetBytes + kIpv4Bytes;
  constexpr size_t kV6 = kEthernetBytes + kIpv6Bytes;
  if (bytes.size() < kV6 + 8) return;
  const std::span all(bytes);
  const bool v6 = bytes[12] == std::byte{0x86};
  // Of IPv4 the length that its head states, of IPv6 too.
  const size_t stated =
      v6 ? kV6 + (std::to_integer<size_t>(bytes[18]) << 8 |
                  std::to_integer<size_t>(bytes[19]))
         : kEthernetBytes + (std::to_integer<size_t>(bytes[16]) << 8 |
                             std::to_integer<size_t>(bytes[17]));
  const size_t at = v6 ? kV6 : kV4;
  if (stated < at + 8 || stated > bytes.size()) return;
  const std::span message = all.subspan(at, stated - at);
  message[2] = message[3] = {};
  Checksum sum;
  if (v6) {
    sum.add(all.subspan(kEthernetBytes + 8, 32)).add_word(kProtocolIcmpv6);
    sum.add_word(static_cast<uint16_t>(message.size()));
  }
  const uint16_t value = sum.add(message).value();
  message[2] = static_cast<std::byte>(value >> 8);
  message[3] = static_cast<std::byte>(value);
  check(bytes, {true, true});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* from = reinterpret_cast<const std::byte*>(data);
  const Bytes bytes(from, from + std::min<size_t>(size, 10'000));
  check(bytes, {});
  check(bytes, {true, true});
  with_right_icmp(bytes);
  return 0;
}
