// Limits of a QUIC connection, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "engine/base/limits.h"
#include "engine/base/time.h"

namespace causeway {

// What a peer may send on a stream before this end has said how much room it
// really has: one datagram of each stream and change.
inline constexpr uint64_t kQuicFirstWindowBytes = 64u << 10;

// Silence that means a lost peer, as on the tcp path (kTcpSilenceMax): longer
// than a routing change, shorter than the patience of who waits for a guest.
inline constexpr Duration kQuicSilenceMax = std::chrono::seconds(20);

// While somebody stands still for what the peer has not acknowledged, the line
// is tried after so long, or two round trips: not much beside the shortest cut
// that anybody notices. ngtcp2 0.12 waits twice as long after each try, so that
// ten seconds of silence would cost fifteen.
inline constexpr Duration kQuicInsistMin = std::chrono::milliseconds(250);
// What congestion control leaves is kept for the tries, which it counts too: 45
// bytes each, until silence is a loss.
inline constexpr uint64_t kQuicInsistRoomBytes = 4096;
static_assert(kQuicInsistRoomBytes >= 45 * (kQuicSilenceMax / kQuicInsistMin));
// ... of a small window no more than this share, so that bytes go on.
inline constexpr uint64_t kQuicInsistRoomShare = 4;

// How long a stranger's proof of its address is good for: some round trips of
// any link, and the repetitions of a lost packet.
inline constexpr Duration kQuicRetryMax = std::chrono::seconds(10);

// One datagram where the MTU is not configured: IPv6's head in 1500 bytes.
inline constexpr size_t kQuicPayloadBytes = 1452;
// What path MTU discovery starts from (RFC 9000, 14.1).
inline constexpr size_t kQuicPayloadBytesMin = 1200;
// Jumbo, by configuration: 9,000 of MTU less the heads of IPv4 and UDP.
inline constexpr size_t kQuicPayloadBytesMax = 8972;

// Of the bytes that a connection calls itself by (RFC 9000, 5.1: 20 at most).
inline constexpr size_t kQuicConnectionIdBytes = 16;

// A control stream, one for each worker, and one for lost datagrams.
inline constexpr uint16_t kQuicStreamsMax = 2 + kStreamsMax;

// Of a packet beside a datagram: head (1 + 16 + 4), tag (16), the frame's own
// (3), and what an acknowledgement in the same packet takes.
inline constexpr size_t kQuicDatagramHeadBytes = 64;
static_assert(kQuicDatagramHeadBytes < kQuicPayloadBytesMin);

}  // namespace causeway
