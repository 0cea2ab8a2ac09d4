// QuicRetry: whether a stranger really is at the address that its packets
// name, before anything is kept of it (RFC 9000, 8.1.2). Who is asked gets a
// token, sealed with a key that nobody else has, and comes again with it; a
// sender that lied about its address never sees it. ngtcp2 stays out of the
// header.
//
// No I/O, no clock. One owner, one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dpdk-wan/packet/packet_io.h"
#include "engine/base/time.h"

namespace causeway {

// A connection's id as it stands in a packet (RFC 9000, 17.2).
struct QuicId {
  std::array<uint8_t, 20> bytes{};
  uint8_t length = 0;
};

class QuicRetry {
 public:
  // With a key from a random source.
  QuicRetry();

  // What a first packet says of where it came from.
  enum class Verdict {
    kNone,     // it begins no connection, or has no right token: drop it
    kUnknown,  // it has none
    kProven,
  };
  // What a connection that was asked first must say in its handshake; of
  // kProven.
  struct Origin {
    QuicId first;  // the id by which it called before it was asked
    QuicId asked;  // ... and the one that it was given
  };
  Verdict judge(const ReceivedPacket& packet, Instant now,
                Origin* origin) const;

  // Writes the question to who sent `packet`, which is kUnknown. 0: none can
  // be asked.
  size_t ask(const ReceivedPacket& packet, std::span<std::byte> room,
             Instant now) const;

 private:
  std::array<uint8_t, 32> key_;
};

}  // namespace causeway
