// What an emulated link may be set to, and what the emulator keeps ready,
// each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/base/time.h"

namespace causeway {

// A frame of 1500 bytes takes 1.5 s at the least rate; the most is beyond what
// any machine forwards by this way (README.md), so it never binds.
inline constexpr uint64_t kLinkRateBitsMin = 8'000;
inline constexpr uint64_t kLinkRateBitsMax = 1'000'000'000'000;

// One way. Two geostationary hops take 0.5 s; a path with 10 s carries no
// protocol that anyone runs.
inline constexpr Duration kLinkDelayMax = std::chrono::seconds(10);

// Of a link's queue: more than 10 s at 6 Gbit/s would not fit the memory.
inline constexpr uint64_t kLinkQueueBytesMax = 8ull << 30;

// A burst of losses that is longer than this is an outage: loss=100%.
inline constexpr double kLossBurstFramesMax = 1e6;

// An automatic queue is one bandwidth-delay product of the round trip, but
// never less: some forty frames, so that short delays do not starve TCP.
inline constexpr uint64_t kQueueBytesAutoMin = 64u << 10;

// 64 KiB is what IP can carry. Also keeps bits * 1e9 within 64 bits.
inline constexpr uint32_t kFrameBytesMax = 65'535 + 64;

// Frames that are under way in each direction live in memory that is taken
// from the system as it is used: 1 Gbit/s with 200 ms round trip and a full
// queue are 50 MB of frames.
inline constexpr uint64_t kFrameMemoryBytesDefault = 512ull << 20;
inline constexpr uint64_t kFrameMemoryBytesMin = 1ull << 20;
inline constexpr uint64_t kFrameMemoryBytesMax = 16ull << 30;

// The kernel fills this ring while the emulator does not run: 100 ms at
// 1 Gbit/s.
inline constexpr size_t kReceiveRingBytes = 16u << 20;

// Frames that one system call sends. More make the next ones late: each costs
// the receiver's whole network stack, in this call.
inline constexpr size_t kSendBurst = 32;
// Frames taken from the ring before what is due is looked at again.
inline constexpr size_t kReceiveBurst = 256;

// Later than this a frame is late. A shared development machine stops even a
// thread at real-time priority for 1 to 5 ms, several times a minute; with
// less, no run would ever be valid there.
inline constexpr Duration kLateLimitDefault = std::chrono::milliseconds(5);

// A script of changes, a command: typed by people and small programs.
inline constexpr size_t kCommandBytesMax = 1024;
inline constexpr size_t kScriptChangesMax = 100'000;
inline constexpr size_t kControlClientsMax = 16;

static_assert(kFrameBytesMax * 8ull * 1'000'000'000 < (1ull << 63));
static_assert(kQueueBytesAutoMin < kLinkQueueBytesMax);
static_assert(kFrameMemoryBytesMin > 2ull * kSendBurst * 2048);

}  // namespace causeway
