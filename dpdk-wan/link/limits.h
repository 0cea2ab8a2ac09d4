// Limits of the wan path, each with its reason.
#pragma once

#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "dpdk-wan/quic/limits.h"

namespace causeway {

// What may be on its way in one direction of all bulk streams together, and is
// kept at the source until the peer has it: 1 Gbit/s at 200 ms is 25 MB. Twice
// that would not leave the mover its 64 MiB.
inline constexpr size_t kWanWindowBytes = 32u << 20;

// The control stream's, each way: the state of an ordinary guest whole.
inline constexpr size_t kWanControlRingBytes = 1u << 20;
// What bulk streams carry back: 16 bytes a fence.
inline constexpr size_t kWanAnswerRingBytes = kQuicFirstWindowBytes;

// Symbols that come again: a tenth of a second of all of 1 % at 1 Gbit/s, and
// more than the first window.
inline constexpr size_t kWanRecordRingBytes = 256u << 10;

// QUIC tells what became of a datagram, but where it was in one packet with
// something that was resent early, ngtcp2 0.12 may not. After three round trips
// and this, one that was not heard of counts as lost.
inline constexpr Duration kWanSymbolPatience = std::chrono::milliseconds(200);

// What congestion control must still allow for a symbol to go: it and a record
// behind it.
inline constexpr size_t kWanSymbolRoomBytes = 1500 + 128;

// The share of one of `streams` bulk streams, of all lanes. Never less than the
// first window, which a peer may fill before it knows better.
constexpr size_t wan_bulk_ring_bytes(size_t streams) {
  const size_t share = std::bit_floor(kWanWindowBytes / streams);
  return share < kQuicFirstWindowBytes ? kQuicFirstWindowBytes : share;
}

// Strangers who may be half-way in their handshakes at once; the oldest makes
// room (kTcpStrangersMax, less: each is a TLS session).
inline constexpr size_t kWanStrangersMax = 32;
// Of those, how many may be there without having proven that they are where
// they say: the right one comes without a question where nobody disturbs.
inline constexpr size_t kWanUnprovenMax = 4;
// Handshake and hello together.
inline constexpr Duration kWanHelloWaitMax = std::chrono::seconds(5);

// How long the end of a path waits for the peer to have all that was sent. The
// target's waits as long as a source hopes to hear from it (the path's
// silence): its last word is that the guest runs.
inline constexpr Duration kWanLingerMax = std::chrono::seconds(3);

// A peer of which ICMP says that nothing listens there any more, and which is
// silent for so long besides, has ended: a process that was killed says no
// farewell. Longer than a firewall that reads its rules anew.
inline constexpr Duration kWanRefusedMax = std::chrono::seconds(2);

// Datagrams taken from the endpoint in one step, so that what is to be sent
// has its turn.
inline constexpr size_t kWanReceiveBurst = 64;
inline constexpr size_t kWanReceiveBurstsAStep = 4;

// How old the path's statistics may be.
inline constexpr Duration kWanStatsPeriod = std::chrono::milliseconds(5);

static_assert(std::has_single_bit(kWanWindowBytes));
static_assert(wan_bulk_ring_bytes(kStreamsMax) >= kPutBytesMax);
static_assert(kWanRecordRingBytes > kQuicFirstWindowBytes);
static_assert(kWanUnprovenMax < kWanStrangersMax);
static_assert(kWanHelloWaitMax < kQuicSilenceMax);
static_assert(kWanRefusedMax < kQuicSilenceMax);

}  // namespace causeway
