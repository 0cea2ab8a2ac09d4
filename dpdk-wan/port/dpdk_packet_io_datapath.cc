#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>

#include "dpdk-wan/port/dpdk_packet_io.h"
#include "dpdk-wan/port/frame_decoder.h"
#include "engine/base/assert.h"

namespace causeway {
namespace {

constexpr uint16_t kQueue = 0;

std::span<std::byte> bytes_of(rte_mbuf* buffer) {
  return {rte_pktmbuf_mtod(buffer, std::byte*), buffer->data_len};
}

VerifiedChecksums verified_by_port(const rte_mbuf* buffer) {
  const uint64_t flags = buffer->ol_flags;
  return {(flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD,
          (flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD};
}

// What a port needs to know to fill in the checksums.
void ask_for_sums(rte_mbuf* buffer, bool v6) {
  buffer->l2_len = kEthernetBytes;
  buffer->l3_len = v6 ? kIpv6Bytes : kIpv4Bytes;
  buffer->ol_flags |=
      RTE_MBUF_F_TX_UDP_CKSUM |
      (v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM);
}

}  // namespace

std::span<std::byte> DpdkPacketIo::next_packet() {
  if (out_count_ == out_.size()) return {};
  if (room_ == nullptr) {
    // None is left: the port has not sent what it took.
    room_ = ::rte_pktmbuf_alloc(device_->buffers());
    if (room_ == nullptr) return {};
    room_bytes_ = payload_bytes_max_;
    CAUSEWAY_ASSERT(rte_pktmbuf_tailroom(room_) >= heads_bytes_ + room_bytes_);
  }
  return {rte_pktmbuf_mtod(room_, std::byte*) + heads_bytes_, room_bytes_};
}

void DpdkPacketIo::send_packet(size_t bytes, const SocketAddress& to,
                               uint8_t ecn) {
  CAUSEWAY_ASSERT(room_ != nullptr && bytes > 0 && bytes <= room_bytes_);
  const bool same_family =
      to.storage.ss_family == local_.storage.ss_family && to.port() != 0;
  const IpAddress ip = same_family ? ip_of(to) : IpAddress{};
  const auto hop = same_family ? next_hop(ip) : std::nullopt;
  if (!hop) {
    ++stats_.packets_dropped;  // the room is kept for the next
    return;
  }
  rte_mbuf* buffer = room_;
  room_ = nullptr;
  buffer->data_len = static_cast<uint16_t>(heads_bytes_ + bytes);
  buffer->pkt_len = buffer->data_len;
  fill_heads(buffer, ip, to.port(), ecn);
  if (const MacAddress* mac = neighbours_.find(*hop)) {
    set_ethernet_to(bytes_of(buffer), *mac);
    out_[out_count_++] = buffer;
  } else {
    await_neighbour(buffer, *hop);
  }
}

std::optional<IpAddress> DpdkPacketIo::next_hop(const IpAddress& to) const {
  if (to.is_group_or_none()) return std::nullopt;
  return prefix_.contains(to) ? std::optional(to) : gateway_;
}

void DpdkPacketIo::fill_heads(rte_mbuf* buffer, const IpAddress& to,
                              uint16_t to_port, uint8_t ecn) {
  const bool by_port = device_->sums_sent();
  if (by_port) ask_for_sums(buffer, to.v6);
  build_udp_heads(bytes_of(buffer), {own_, to, local_.port(), to_port, ecn},
                  by_port ? ChecksumBy::kPort : ChecksumBy::kSoftware);
}

void DpdkPacketIo::await_neighbour(rte_mbuf* buffer, const IpAddress& hop) {
  const auto* end = waiting_.begin() + waiting_count_;
  const auto others =
      std::count_if(std::as_const(waiting_).begin(), end,
                    [&](const Waiting& waiting) { return waiting.hop == hop; });
  if (waiting_count_ == waiting_.size() || !neighbours_.has(hop) ||
      others >= static_cast<ptrdiff_t>(kWaitingPerNeighbourMax)) {
    ::rte_pktmbuf_free(buffer);
    ++stats_.packets_dropped;
    return;
  }
  waiting_[waiting_count_++] = {buffer, hop};
}

Result<bool> DpdkPacketIo::flush() {
  transmit();
  return out_count_ == 0;
}

void DpdkPacketIo::transmit() {
  if (out_count_ == 0) return;
  std::array<uint16_t, kPortBurst> payload_bytes;
  for (size_t i = 0; i < out_count_; ++i) {
    payload_bytes[i] = static_cast<uint16_t>(out_[i]->pkt_len - heads_bytes_);
  }
  auto ready = static_cast<uint16_t>(out_count_);
  if (device_->sums_sent()) {
    ready = ::rte_eth_tx_prepare(device_->id(), kQueue, out_.data(), ready);
  }
  size_t gone = ::rte_eth_tx_burst(device_->id(), kQueue, out_.data(), ready);
  ++stats_.send_calls;
  stats_.packets_sent += gone;
  for (size_t i = 0; i < gone; ++i) stats_.bytes_sent += payload_bytes[i];
  if (gone == ready && ready < out_count_) {
    // The port will never take this one.
    ::rte_pktmbuf_free(out_[gone++]);
    ++stats_.packets_dropped;
  }
  std::copy(out_.begin() + gone, out_.begin() + out_count_, out_.begin());
  out_count_ -= gone;
}

Result<size_t> DpdkPacketIo::receive(std::span<ReceivedPacket> packets,
                                     Instant now) {
  ::rte_pktmbuf_free_bulk(held_.data(), static_cast<unsigned>(held_count_));
  held_count_ = 0;
  serve_network(now);
  std::array<rte_mbuf*, kPortBurst> came;
  const auto wanted =
      static_cast<uint16_t>(std::min(packets.size(), came.size()));
  const uint16_t got =
      ::rte_eth_rx_burst(device_->id(), kQueue, came.data(), wanted);
  more_came_ = got == wanted;
  size_t count = 0;
  for (uint16_t i = 0; i < got; ++i) take(came[i], packets, count, now);
  if (count > 0) last_datagram_ = now;
  return count;
}

// What is due by the clock: a question, an announcement, an end of waiting.
void DpdkPacketIo::serve_network(Instant now) {
  if (!announced_) {
    announced_ = true;
    say([&](auto out) { return build_neighbour_announcement(out, own_); });
  }
  if (now < neighbours_.next_due()) return;
  std::array<IpAddress, kNeighbourQuestionsAtOnce> questions;
  const size_t count = neighbours_.due(now, questions);
  for (size_t i = 0; i < count; ++i) {
    say([&](auto out) {
      return build_neighbour_question(out, own_, questions[i]);
    });
  }
  forget_the_unreachable();
}

void DpdkPacketIo::forget_the_unreachable() {
  const size_t before = waiting_count_;
  waiting_count_ = 0;
  for (size_t i = 0; i < before; ++i) {
    if (neighbours_.has(waiting_[i].hop)) {
      waiting_[waiting_count_++] = waiting_[i];
    } else {
      ::rte_pktmbuf_free(waiting_[i].buffer);
      ++stats_.packets_dropped;
    }
  }
}

// One frame: to the caller, or served and freed.
void DpdkPacketIo::take(rte_mbuf* buffer, std::span<ReceivedPacket> packets,
                        size_t& count, Instant now) {
  Frame frame;
  // Buffers hold a frame of the MTU in one piece; a larger one is not ours.
  if (buffer->nb_segs == 1) {
    frame = decode_frame(bytes_of(buffer), verified_by_port(buffer));
  }
  if (!is_for_us(frame)) frame.body = FrameRefusal::kForSomeoneElse;
  if (const auto* datagram = std::get_if<UdpDatagram>(&frame.body)) {
    if (deliver(*datagram, frame, packets[count])) {
      stats_.bytes_received += packets[count].payload.size();
      ++stats_.packets_received;
      ++count;
      held_[held_count_++] = buffer;
      return;
    }
    refuse(FrameRefusal::kForSomeoneElse);
  } else if (const auto* said = std::get_if<NeighbourMessage>(&frame.body)) {
    hear(*said, frame.from, now);
  } else if (const auto* echo = std::get_if<EchoRequest>(&frame.body)) {
    answer(*echo, frame.from);
  } else if (const auto* lost = std::get_if<Undelivered>(&frame.body)) {
    note_lost(*lost);
  } else {
    refuse(std::get<FrameRefusal>(frame.body));
  }
  ::rte_pktmbuf_free(buffer);
}

// Some ports take all that passes, and what their own host sends.
bool DpdkPacketIo::is_for_us(const Frame& frame) const {
  if (std::holds_alternative<FrameRefusal>(frame.body)) return true;
  return frame.from != own_.mac &&
         (frame.to == own_.mac || frame.to.is_group());
}

bool DpdkPacketIo::deliver(const UdpDatagram& datagram, const Frame& frame,
                           ReceivedPacket& packet) const {
  if (datagram.to != own_.ip || datagram.to_port != local_.port() ||
      frame.to.is_group() || datagram.payload.empty()) {
    return false;
  }
  packet.payload = datagram.payload;
  packet.from = to_socket_address(datagram.from, datagram.from_port);
  packet.ecn = datagram.ecn;
  return true;
}

void DpdkPacketIo::hear(const NeighbourMessage& message, const MacAddress& from,
                        Instant now) {
  const bool asks_us = message.asks && message.target == own_.ip;
  const bool is_neighbour = message.has_mac && message.sender != own_.ip &&
                            prefix_.contains(message.sender) &&
                            !message.sender.is_none();
  if (is_neighbour) {
    neighbours_.learn(message.sender, message.sender_mac, asks_us, now);
  }
  if (asks_us) {
    say([&](auto out) {
      return build_neighbour_answer(out, own_, message.sender, from);
    });
  }
  if (is_neighbour) release(message.sender);
}

// What waited for that neighbour leaves: at once, since whoever sent it may
// have nothing else to flush for.
void DpdkPacketIo::release(const IpAddress& hop) {
  const MacAddress* mac = waiting_count_ > 0 ? neighbours_.find(hop) : nullptr;
  if (mac == nullptr) return;
  const size_t before = waiting_count_;
  waiting_count_ = 0;
  for (size_t i = 0; i < before; ++i) {
    const Waiting one = waiting_[i];
    if (one.hop != hop) {
      waiting_[waiting_count_++] = one;
      continue;
    }
    if (out_count_ == out_.size()) transmit();
    if (out_count_ == out_.size()) {
      ::rte_pktmbuf_free(one.buffer);
      ++stats_.packets_dropped;
      continue;
    }
    set_ethernet_to(bytes_of(one.buffer), *mac);
    out_[out_count_++] = one.buffer;
  }
  if (waiting_count_ < before) transmit();
}

void DpdkPacketIo::answer(const EchoRequest& request, const MacAddress& from) {
  if (request.to != own_.ip) return;
  say([&](auto out) { return build_echo_reply(out, own_, request, from); });
}

// Believed of what we could have sent, and datagrams shrink to what QUIC needs
// at least: anyone can write such a message.
void DpdkPacketIo::note_lost(const Undelivered& lost) {
  if (lost.sent.from != own_.ip || lost.sent.from_port != local_.port()) {
    return refuse(FrameRefusal::kForSomeoneElse);
  }
  if (lost.mtu_bytes == 0) {
    ++stats_.refusals;
    return;
  }
  const size_t heads = heads_bytes_ - kEthernetBytes;
  const size_t payload = lost.mtu_bytes > heads ? lost.mtu_bytes - heads : 0;
  payload_bytes_max_ =
      std::min(payload_bytes_max_, std::max(payload, kPayloadBytesMin));
}

// One control frame, at once; lost where there is no room for it, as any frame
// may be.
template <typename Build>
void DpdkPacketIo::say(Build build) {
  rte_mbuf* buffer = ::rte_pktmbuf_alloc(device_->buffers());
  if (buffer == nullptr) return;
  const std::span<std::byte> room{rte_pktmbuf_mtod(buffer, std::byte*),
                                  rte_pktmbuf_tailroom(buffer)};
  buffer->data_len = static_cast<uint16_t>(build(room));
  buffer->pkt_len = buffer->data_len;
  if (::rte_eth_tx_burst(device_->id(), kQueue, &buffer, 1) == 0) {
    ::rte_pktmbuf_free(buffer);
  }
}

}  // namespace causeway
