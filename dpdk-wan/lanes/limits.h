// Limits of the lanes of a wan path, each with its reason.
#pragma once

#include <chrono>

#include "dpdk-wan/link/limits.h"
#include "engine/path/stripe/limits.h"

namespace causeway {

// A lane is lost after a quarter of the path's silence, so that there is time
// to try it anew; without any lane the path waits for the rest of it.
inline constexpr int kLaneSilenceShare = 4;
inline constexpr Duration lane_silence(Duration path_silence) {
  return path_silence / kLaneSilenceShare;
}
inline constexpr Duration lane_patience(Duration path_silence) {
  return path_silence - lane_silence(path_silence);
}

// Between two tries of a lane: twice as long each time, within these. The
// least spares a target that is just closing, the most a lane that healed.
inline constexpr Duration kLaneRetryMin = std::chrono::milliseconds(100);
inline constexpr Duration kLaneRetryMax = std::chrono::seconds(2);
// One try: three round trips of a lane over two satellites.
inline constexpr Duration kLaneConnectMax = std::chrono::seconds(3);

// What the first lane that is up waits for the others at the start.
inline constexpr Duration kLaneGatherMax = std::chrono::milliseconds(500);

// How often it is looked whether a broken lane is let go of by its channels.
inline constexpr Duration kLaneTick = std::chrono::milliseconds(50);

static_assert(lane_silence(kQuicSilenceMax) >= kLaneStallMax);
static_assert(kLaneRetryMin < kLaneRetryMax);
static_assert(kLaneConnectMax + kLaneRetryMax < lane_patience(kQuicSilenceMax));

}  // namespace causeway
