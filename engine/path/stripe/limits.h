// Limits of a striped path, each with its reason.
#pragma once

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "engine/base/limits.h"
#include "engine/base/stepper.h"
#include "engine/base/time.h"
#include "engine/guest/region.h"

namespace causeway {

// Local addresses that one migration uses at once: leased lines of one host.
// Every lane is an fd that each channel's owner sleeps on.
inline constexpr uint32_t kStripeLanesMax = 4;

// Copies of the payloads of all workers that are not known to have landed: what
// a lane's death takes with it, the others must have. Bandwidth times delay of
// all lanes: 1 Gbit/s at 130 ms. The lanes' own rings hold the same bytes
// again, and the mover shall stay within 64 MiB.
inline constexpr size_t kStripeWindowBytes = 16u << 20;

// The share of one of `streams` workers; never less than two puts, so that one
// is copied while the other is on its way.
constexpr size_t stripe_window_bytes(size_t streams) {
  const size_t share = std::bit_floor(kStripeWindowBytes / streams);
  return std::max<size_t>(share, 2 * kPutBytesMax);
}

// Records of a window: all of it in single blocks. A put that is a zero run or
// a small frame takes one as well.
constexpr uint32_t stripe_records(size_t window_bytes) {
  return static_cast<uint32_t>(window_bytes / kBlockBytes);
}
// What a receiver keeps of sequences above the first that it misses; both ends
// must hold this to be the same.
inline constexpr uint32_t kStripeRecordsMax =
    stripe_records(kStripeWindowBytes);

// What a lane may have posted and not acknowledged while nobody knows what it
// can do, and beyond twice its bandwidth times delay: 80 ms at 100 Mbit/s.
inline constexpr uint64_t kLaneWindowBytesMin = 1u << 20;
// Taken for a lane's rate until the first acknowledgement: 10 Mbit/s.
inline constexpr double kLaneRateUnknown = 1.25e6;
// A lane is asked what has landed each time that so much was posted: 8 answers
// in the least window.
inline constexpr uint64_t kLaneFenceBytes = 128u << 10;

// An acknowledgement that is so many times later than the lane's backlog
// explains is taken for lost, and what it would have covered goes by another
// lane. The least is longer than a busy host lets a thread wait, the most
// shorter than the silence after which the lane is dead.
inline constexpr int kLaneStallFactor = 4;
inline constexpr Duration kLaneStallMin = std::chrono::milliseconds(400);
// While somebody stands still, bytes that go twice are cheaper than waiting.
inline constexpr Duration kLaneStallUrgent = std::chrono::milliseconds(100);
inline constexpr Duration kLaneStallMax = std::chrono::seconds(3);

// A lane that looked too slow to be of use is tried with a record after so
// long: its line may have come back.
inline constexpr Duration kLaneRestMax = std::chrono::seconds(1);

// Deliveries that differ by less are the same: small records stay together.
inline constexpr Duration kLaneTie = std::chrono::milliseconds(1);

// Control messages travel in pieces of so much, so that the state of a guest
// uses all lanes, and one that dies takes little with it.
inline constexpr size_t kFragmentBytesMax = 64u << 10;
inline constexpr size_t kFragmentsMax = 4096;
// What a closing end says once more on every lane.
inline constexpr size_t kFarewellBytesMax = 4 * kFragmentBytesMax;

static_assert(std::has_single_bit(kStripeWindowBytes));
static_assert(stripe_window_bytes(1) == kStripeWindowBytes);
static_assert(std::has_single_bit(stripe_window_bytes(kStreamsMax)));
static_assert(kLaneWindowBytesMin >= 2 * kPutBytesMax);
static_assert(kLaneStallUrgent < kLaneStallMin);
static_assert(kLaneStallMin < kLaneStallMax);
// A sleeper's own fds beside the lanes and the board: wake-up, shim, commands.
static_assert(kStripeLanesMax + 1 + 8 <= WaitSet::kFdsMax);

}  // namespace causeway
