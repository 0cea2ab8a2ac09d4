// PacketIo: one local UDP endpoint, datagrams in and out in bursts. QUIC knows
// packets only; what carries them is a kernel socket (udp_packet_io.h) or a
// DPDK port (../port). tests/contract/packet_io_contract.h holds for all.
//
// One owner, one thread. No call blocks. An Error means that the endpoint is
// broken for good; a datagram that could not leave is no error: UDP may lose.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/result.h"
#include "engine/base/stepper.h"
#include "engine/path/socket_address.h"

namespace causeway {

struct ReceivedPacket {
  std::span<const std::byte> payload;
  SocketAddress from;
  uint8_t ecn = 0;  // RFC 3168: 0 to 3
};

// Totals since the endpoint was opened.
struct PacketIoStats {
  uint64_t packets_sent = 0;
  uint64_t packets_received = 0;
  uint64_t bytes_sent = 0;  // UDP payload
  uint64_t bytes_received = 0;
  uint64_t send_calls = 0;       // system calls or bursts
  uint64_t packets_dropped = 0;  // by this end: no room, or not to be sent
  uint64_t refusals = 0;         // ICMP: nothing listens there
};

class PacketIo {
 public:
  virtual ~PacketIo() = default;

  // Room for the next datagram, payload_bytes_max() long, where it will leave
  // from: no copy behind it. Empty: full; flush(), and wait if it says so. The
  // same room until send_packet().
  virtual std::span<std::byte> next_packet() = 0;

  // The first `bytes` (> 0) of what next_packet() gave are a datagram for
  // `to`. It leaves with the next flush() or before.
  virtual void send_packet(size_t bytes, const SocketAddress& to,
                           uint8_t ecn) = 0;

  // Sends all that waits. False: the port is full; wait_on() says when to try
  // again.
  virtual Result<bool> flush() = 0;

  // Fills `packets` from the front and returns how many came; their payloads
  // are valid until the next call. A port also does here what it owes its
  // network (neighbours' questions, their ages): hence the time, and hence it
  // is called whenever wait_on() says so, also by one who only sends.
  virtual Result<size_t> receive(std::span<ReceivedPacket> packets,
                                 Instant now) = 0;

  // From here on only datagrams from this peer matter. The others may be
  // dropped unseen; what ICMP says of this peer counts as a refusal.
  virtual void expect_only(const SocketAddress& peer) = 0;

  // Where peers send to.
  virtual const SocketAddress& local() const = 0;
  // Of one datagram's UDP payload, by the interface's MTU. It may sink when a
  // router says that its link takes less; room that was given before stays.
  virtual size_t payload_bytes_max() const = 0;
  virtual PacketIoStats stats() const = 0;

  // What to sleep on until there is something to receive (or, when flush()
  // said so, room to send); as BulkChannel::wait_on. A port without receive
  // interrupts returns a time: later and later while nothing comes.
  virtual Instant wait_on(WaitSet& set, Instant now) const = 0;
};

}  // namespace causeway
