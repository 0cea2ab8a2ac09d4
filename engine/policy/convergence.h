// Convergence: when pre-copy stops and the guest is paused (Clark et al.,
// "Live migration of virtual machines", NSDI 2005, section 5: rounds until the
// writable working set is reached). A pure function: a recorded trace of
// observations replays to the same decisions.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/time.h"

namespace causeway {

// At the end of a round, after the collect that shows what is dirty again.
struct RoundObservation {
  uint32_t round = 0;        // of the round that just ended, from 1
  uint64_t sent_blocks = 0;  // in that round
  Duration round_time{0};
  uint64_t dirty_blocks = 0;         // owed now
  uint32_t rounds_without_gain = 0;  // since dirty_blocks last shrank clearly
  double rate_bytes_s = 0;           // measured over the run
  Duration fixed_blackout{0};        // what the stop costs besides the blocks
};

struct ConvergenceGoal {
  Duration blackout_max = std::chrono::milliseconds(30);
  uint32_t rounds_max = 30;
};

struct ConvergenceDecision {
  bool stop = false;
  Duration blackout_predicted{0};
  std::string why;  // for the report
};

// A round that leaves at least this share of the least seen so far has gained
// nothing.
inline constexpr double kGainShare = 0.9;
// So many rounds in a row without gain: the writable working set is reached.
inline constexpr uint32_t kRoundsWithoutGainMax = 3;

ConvergenceDecision decide_convergence(const RoundObservation& seen,
                                       const ConvergenceGoal& goal);

}  // namespace causeway
