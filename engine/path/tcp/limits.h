// Limits of the tcp path, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "engine/base/limits.h"
#include "engine/base/time.h"

namespace causeway {

// Heads of frames that one channel holds until the socket has taken them. 128
// puts of single blocks are 512 KiB: enough that one system call is worth its
// cost; more would only grow what a stop has to wait for.
inline constexpr uint32_t kTcpFramesInFlightMax = 128;

// One sendmsg: past this, a longer call saves nothing measurable.
inline constexpr size_t kTcpSendBytesMax = 1u << 20;

// One poll of a receiver: about 1 ms at 40 Gbit/s, so that a worker with
// several channels serves them in turn.
inline constexpr size_t kTcpReceiveBytesMax = 4u << 20;

// What a receiver reads beyond the payload it knows of: 128 heads of zero runs
// a system call, and at most this much is copied twice.
inline constexpr size_t kTcpAheadBytes = 4096;

// Unanswered data for so long means that the peer or the link is gone: longer
// than a link's renegotiation (3 s) or a failover of a bonded port, shorter
// than the patience of whoever waits for the guest.
inline constexpr Duration kTcpSilenceMax = std::chrono::seconds(20);

// Below this round trip a path is one inside a data centre, where a pacing
// congestion control is replaced (tcp_socket.h).
inline constexpr Duration kTcpShortPathRtt = std::chrono::milliseconds(2);

// A connection that has been accepted and does not say who it is.
inline constexpr Duration kTcpHelloWaitMax = std::chrono::seconds(5);

// Strangers that may wait at once while the streams of one migration are
// accepted; the one that has been silent the longest makes room.
inline constexpr size_t kTcpStrangersMax = 2 * kStreamsMax;

static_assert(kTcpAheadBytes < kPutBytesMax);
static_assert(kTcpSendBytesMax >= kPutBytesMax);
static_assert(kTcpHelloWaitMax < kTcpSilenceMax);
// The control stream and every bulk stream may be half-way in their hellos.
static_assert(kTcpStrangersMax > kStreamsMax + 1);

}  // namespace causeway
