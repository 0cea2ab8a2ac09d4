// Limits of a port, each with its reason; ties below.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "engine/base/time.h"

namespace causeway {

// Frames of one call to the port. 32 is where drivers' vector paths begin, 64
// is one af_packet wake-up a burst without growing what a stop waits for.
inline constexpr size_t kPortBurst = 64;

// Peers and gateways of one port. A host migrates to a handful of others.
inline constexpr size_t kNeighboursMax = 64;
// RFC 4861, 10: MAX_MULTICAST_SOLICIT, RETRANS_TIMER, REACHABLE_TIME. RFC 1122,
// 2.3.2.1 wants ARP questions no more often either.
inline constexpr unsigned kNeighbourQuestions = 3;
inline constexpr Duration kNeighbourQuestionEvery = std::chrono::seconds(1);
inline constexpr Duration kNeighbourKnownFor = std::chrono::seconds(30);
// Questions of one step; the rest is due in the next.
inline constexpr size_t kNeighbourQuestionsAtOnce = 4;

// Datagrams that wait for a neighbour's answer. QUIC opens with one or two and
// sends again what is lost; RFC 4861, 7.2.2 asks for at least one.
inline constexpr size_t kWaitingPerNeighbourMax = 4;
inline constexpr size_t kWaitingMax = 32;

// How long a poller sleeps while nothing comes. Measured on 2 cores: 20 us
// between polls cost 35 % of a core, 1 ms 1 to 2 %. After a second of silence
// nobody begins with more than QUIC's first ten packets, which a queue holds.
inline constexpr Duration kPollAtOnceFor = std::chrono::microseconds(50);
inline constexpr Duration kPollSleepMin = std::chrono::microseconds(20);
inline constexpr Duration kPollSleepMax = std::chrono::milliseconds(1);
inline constexpr Duration kPollSilence = std::chrono::seconds(1);
inline constexpr Duration kPollSleepInSilence = std::chrono::milliseconds(5);

// RFC 9000, 14: no path that carries QUIC takes less. Whatever a router (or an
// attacker who poses as one) says, datagrams do not get smaller.
inline constexpr size_t kPayloadBytesMin = 1200;
inline constexpr uint32_t kMtuBytesMin = 1280;  // RFC 8200, 5
inline constexpr uint32_t kMtuBytesMax = 9600;  // the largest that NICs take

// Descriptors of each queue: 1024 frames of 1500 B are 1.2 ms at 10 Gbit/s,
// more than the longest sleep.
inline constexpr uint16_t kQueueDescriptors = 1024;
// Both queues full, what the caller holds of both directions, what waits for
// neighbours, and a margin for what a driver keeps back.
inline constexpr unsigned kPortBuffers =
    2 * kQueueDescriptors + 3 * kPortBurst + kWaitingMax + 256;

// Ports of one process; each is 32 MiB of buffers at the most (jumbo).
inline constexpr size_t kPortsMax = 8;

static_assert(kWaitingMax >= kWaitingPerNeighbourMax);
static_assert(kPayloadBytesMin + 48 <= kMtuBytesMin);
static_assert(kPollSleepMin < kPollSleepMax);
static_assert(kPollSleepMax < kPollSleepInSilence);

}  // namespace causeway
