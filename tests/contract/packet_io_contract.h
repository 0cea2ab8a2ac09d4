// The contract of every PacketIo (dpdk-wan/packet/packet_io.h), as one suite:
// tests/dpdk-wan/* instantiate it with their lab.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "dpdk-wan/packet/packet_io.h"

namespace causeway {

// Two ends that reach each other, driven by one thread, without loss as long
// as no more than a burst is under way.
class PacketIoLab {
 public:
  virtual ~PacketIoLab() = default;
  virtual PacketIo& end(int index) = 0;  // 0 or 1
  // In the same network, where nobody takes what is sent to it.
  virtual SocketAddress nowhere() = 0;
  virtual Instant now() = 0;
  // Sleeps until an fd of the set is ready or `until` has come; gives up after
  // a while where neither would ever happen.
  virtual void wait(const WaitSet& set, Instant until) = 0;
};

// kPermission: the test is skipped, with the message as the reason.
using MakePacketIoLab = std::function<Result<std::unique_ptr<PacketIoLab>>()>;

class PacketIoContract : public testing::TestWithParam<MakePacketIoLab> {
 protected:
  using Bytes = std::vector<std::byte>;
  // A datagram as it arrived, copied.
  struct Arrived {
    Bytes payload;
    SocketAddress from;
    uint8_t ecn = 0;
  };

  void SetUp() override;
  PacketIo& a() { return lab_->end(0); }
  PacketIo& b() { return lab_->end(1); }

  // One datagram, flushed where the end is full before it.
  void send(PacketIo& from, std::span<const std::byte> payload,
            const SocketAddress& to, uint8_t ecn = 0);
  // Until flush() says that all has left, waiting as it is told.
  void flush(PacketIo& from);
  // One datagram each way: the ends know how to reach each other. Before that
  // more than a few at once may be lost.
  void meet();
  // Both ends are served, as their driver would, until `count` datagrams have
  // come to `to` since the last call. Fewer, when it takes too long.
  std::vector<Arrived> arrive(PacketIo& to, size_t count);
  // Serves both for that long; what comes to `to`.
  std::vector<Arrived> arrive_within(PacketIo& to, Duration time);

  std::unique_ptr<PacketIoLab> lab_;
  // Takes what has come to `io`, into `arrived` if given; true when something
  // had. What waited for a neighbour may leave.
  bool serve(PacketIo& io, std::vector<Arrived>* arrived);

 private:
  void sleep();
};

}  // namespace causeway
