// UdpPacketIo: PacketIo over a kernel UDP socket. Datagrams of one size to one
// peer leave as one buffer that the kernel (or the NIC) cuts (UDP_SEGMENT),
// and come in as one (UDP_GRO); machine-independent otherwise.
//
//   send_   | 1444 | 1444 | 1444 | 900 |  one sendmsg: same size but the last
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "dpdk-wan/packet/packet_io.h"
#include "engine/base/unique_fd.h"

namespace causeway {

class UdpPacketIo final : public PacketIo {
 public:
  // "host:port", port 0 takes a free one; `passive`: to be sent to. The socket
  // forbids fragments, as QUIC wants (RFC 9000, 14).
  static Result<std::unique_ptr<UdpPacketIo>> open(std::string_view address);
  // A free port of the address by which `peer` is reached.
  static Result<std::unique_ptr<UdpPacketIo>> open_towards(
      const SocketAddress& peer);

  std::span<std::byte> next_packet() override;
  void send_packet(size_t bytes, const SocketAddress& to, uint8_t ecn) override;
  Result<bool> flush() override;
  Result<size_t> receive(std::span<ReceivedPacket> packets,
                         Instant now) override;
  void expect_only(const SocketAddress& peer) override;
  const SocketAddress& local() const override { return local_; }
  size_t payload_bytes_max() const override { return payload_bytes_max_; }
  PacketIoStats stats() const override { return stats_; }
  Instant wait_on(WaitSet& set, Instant now) const override;

 private:
  // What one sendmsg may hold: an IP datagram's worth before it is cut.
  static constexpr size_t kSendBytes = 64000;
  static constexpr size_t kSegmentsMax = 64;  // UDP_MAX_SEGMENTS
  static constexpr size_t kReceiveBytes = 65536;
  static constexpr size_t kReceiveBuffers = 8;  // of one recvmmsg

  UdpPacketIo(UniqueFd fd, const SocketAddress& local,
              size_t payload_bytes_max);
  static Result<std::unique_ptr<UdpPacketIo>> adopt(UniqueFd fd);
  Result<bool> send_group();
  Result<bool> refill();
  size_t hand_out(std::span<ReceivedPacket> packets);

  UniqueFd fd_;
  SocketAddress local_;
  size_t payload_bytes_max_;
  bool segments_ = true;  // the kernel has UDP_SEGMENT for this route

  // One group: same peer, same mark, all of group_segment_ bytes but the last.
  std::vector<std::byte> send_;
  size_t group_bytes_ = 0;
  size_t group_segment_ = 0;
  size_t group_count_ = 0;
  bool group_closed_ = false;  // nothing may be added
  SocketAddress group_to_;
  uint8_t group_ecn_ = 0;
  bool blocked_ = false;

  // What one recvmmsg brought, handed out a datagram at a time.
  struct Arrival {
    size_t bytes = 0;
    size_t segment = 0;  // 0: one datagram
    size_t given = 0;
    SocketAddress from;
    uint8_t ecn = 0;
  };
  std::vector<std::byte> receive_;
  std::array<Arrival, kReceiveBuffers> arrivals_;
  size_t arrival_ = 0;
  size_t arrival_count_ = 0;

  PacketIoStats stats_;
};

}  // namespace causeway
