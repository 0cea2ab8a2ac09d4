// VirtualWire: two endpoints in one thread and in virtual time, and between
// them a line with delay, a rate, loss and reordering.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "dpdk-wan/packet/packet_io.h"

namespace causeway {

struct WireTrouble {
  Duration delay = std::chrono::milliseconds(50);  // one way
  double bytes_s = 12.5e6;
  double loss = 0;
  double reorder = 0;  // share that is up to 5 ms late
};

class VirtualWire {
 public:
  VirtualWire(const WireTrouble& trouble, uint64_t seed);

  // 0 or 1, once; the wire outlives it.
  std::unique_ptr<PacketIo> endpoint(size_t side);
  const SocketAddress& address(size_t side) const { return addresses_[side]; }
  // When the next datagram arrives anywhere; kNever: none is under way.
  Instant next_arrival() const;
  void set_now(Instant now) { now_ = now; }
  void set_loss(double loss) { trouble_.loss = loss; }
  uint64_t lost() const { return lost_; }

 private:
  friend class VirtualEndpoint;
  struct Packet {
    std::vector<std::byte> bytes;
    uint8_t ecn = 0;
  };
  void send(size_t from, std::span<const std::byte> bytes, uint8_t ecn);

  WireTrouble trouble_;
  std::mt19937_64 dice_;
  Instant now_{};
  std::array<SocketAddress, 2> addresses_;
  std::array<Instant, 2> free_{};
  std::array<std::multimap<Instant, Packet>, 2> arriving_;  // by receiver
  uint64_t lost_ = 0;
};

}  // namespace causeway
