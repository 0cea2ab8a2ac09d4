// DpdkPacketIo: PacketIo over a DPDK port, with its own Ethernet, ARP or NDP,
// IP and UDP; one local address of one family.
//
//   next_packet   mbuf | 128 B of head room | Ethernet IP UDP | payload ... |
//                                             heads_bytes_      the caller's
//   send_packet   heads filled ── neighbour known ──► out_ ──flush──► port
//                              └─ not known ──► waiting_ ──answer──► port
//   receive       port ──► decode_frame ──► caller (held_ until the next call)
//                                      └──► neighbours, echo, what was lost
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "dpdk-wan/packet/packet_io.h"
#include "dpdk-wan/port/frame.h"
#include "dpdk-wan/port/frame_builder.h"
#include "dpdk-wan/port/limits.h"
#include "dpdk-wan/port/neighbour_table.h"
#include "dpdk-wan/port/port_device.h"
#include "dpdk-wan/port/port_options.h"

struct rte_mbuf;

namespace causeway {

class DpdkPacketIo final : public PacketIo {
 public:
  // As PortDevice::open; the options are checked before anything is touched.
  static Result<std::unique_ptr<DpdkPacketIo>> open(const PortOptions& options);
  ~DpdkPacketIo() override;

  std::span<std::byte> next_packet() override;
  // What is for another family, for a group or for no gateway is dropped.
  void send_packet(size_t bytes, const SocketAddress& to, uint8_t ecn) override;
  Result<bool> flush() override;
  Result<size_t> receive(std::span<ReceivedPacket> packets,
                         Instant now) override;
  // It counts what ICMP says of anybody; a stranger's datagrams are few.
  void expect_only(const SocketAddress&) override {}
  const SocketAddress& local() const override { return local_; }
  size_t payload_bytes_max() const override { return payload_bytes_max_; }
  PacketIoStats stats() const override { return stats_; }
  Instant wait_on(WaitSet& set, Instant now) const override;

  // Frames that came and were for nobody here, by their reason.
  uint64_t refused(FrameRefusal reason) const {
    return refused_[static_cast<size_t>(reason)];
  }

 private:
  struct Waiting {
    rte_mbuf* buffer = nullptr;
    IpAddress hop;
  };

  DpdkPacketIo(std::unique_ptr<PortDevice> device, const IpPrefix& prefix,
               std::optional<IpAddress> gateway, const PortOptions& options);

  std::optional<IpAddress> next_hop(const IpAddress& to) const;
  void fill_heads(rte_mbuf* buffer, const IpAddress& to, uint16_t to_port,
                  uint8_t ecn);
  void await_neighbour(rte_mbuf* buffer, const IpAddress& hop);
  void transmit();

  void serve_network(Instant now);
  void forget_the_unreachable();
  void take(rte_mbuf* buffer, std::span<ReceivedPacket> packets, size_t& count,
            Instant now);
  bool is_for_us(const Frame& frame) const;
  bool deliver(const UdpDatagram& datagram, const Frame& frame,
               ReceivedPacket& packet) const;
  void hear(const NeighbourMessage& message, const MacAddress& from,
            Instant now);
  void release(const IpAddress& hop);
  void answer(const EchoRequest& request, const MacAddress& from);
  void note_lost(const Undelivered& lost);
  template <typename Build>
  void say(Build build);
  void refuse(FrameRefusal reason) { ++refused_[static_cast<size_t>(reason)]; }

  std::unique_ptr<PortDevice> device_;
  const PortAddress own_;
  const IpPrefix prefix_;
  const std::optional<IpAddress> gateway_;
  const SocketAddress local_;
  const size_t heads_bytes_;
  size_t payload_bytes_max_;

  rte_mbuf* room_ = nullptr;
  size_t room_bytes_ = 0;  // what next_packet() gave
  std::array<rte_mbuf*, kPortBurst> out_{};
  size_t out_count_ = 0;
  std::array<Waiting, kWaitingMax> waiting_{};
  size_t waiting_count_ = 0;
  std::array<rte_mbuf*, kPortBurst> held_{};
  size_t held_count_ = 0;

  NeighbourTable neighbours_;
  bool announced_ = false;
  bool more_came_ = false;  // than one call took
  Instant last_datagram_;
  PacketIoStats stats_;
  std::array<uint64_t, kFrameRefusals> refused_{};
};

}  // namespace causeway
