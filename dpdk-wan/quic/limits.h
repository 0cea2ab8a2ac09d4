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

// One datagram where the MTU is not configured: IPv6's head in 1500 bytes.
inline constexpr size_t kQuicPayloadBytes = 1452;
// What path MTU discovery starts from (RFC 9000, 14.1).
inline constexpr size_t kQuicPayloadBytesMin = 1200;
// Jumbo, by configuration: 9,000 of MTU less the heads of IPv4 and UDP.
inline constexpr size_t kQuicPayloadBytesMax = 8972;

// Of the bytes that a connection calls itself by (RFC 9000, 5.1: 20 at most).
inline constexpr size_t kQuicConnectionIdBytes = 16;

// A control stream and one for each worker.
inline constexpr uint16_t kQuicStreamsMax = 1 + kStreamsMax;

}  // namespace causeway
