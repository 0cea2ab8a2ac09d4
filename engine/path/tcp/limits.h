// Limits of the tcp path, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "engine/base/limits.h"
#include "engine/base/time.h"

namespace causeway {

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

// One record of TLS (RFC 8446, 5.1). Small frames are gathered into one.
inline constexpr size_t kTlsRecordBytesMax = 16u << 10;

// What OpenSSL reads in one system call: eight records.
inline constexpr size_t kTlsReadBytes = 8 * (kTlsRecordBytesMax + 256);

// Records encrypted with one key before it is renewed. RFC 8446, 5.5, allows
// AES-GCM 2^24.5 of them; a sixth of that is 64 GiB of full ones, half a
// minute at 20 Gbit/s, against microseconds for a new key.
inline constexpr uint64_t kTlsRecordsAKeyMax = 1ull << 22;

// What a stream may send when the kernel encrypts: the key cannot be renewed
// then, and the kernel fills its records, so that bytes tell their number.
inline constexpr uint64_t kTlsKernelBytesMax = 1ull << 37;

static_assert(kTlsRecordsAKeyMax < (1ull << 24) / 2);
static_assert(kTlsKernelBytesMax / kTlsRecordBytesMax < (1ull << 24));
static_assert(kTcpHelloWaitMax < kTcpSilenceMax);
// The control stream and every bulk stream may be half-way in their hellos.
static_assert(kTcpStrangersMax > kStreamsMax + 1);

}  // namespace causeway
