#include "engine/policy/convergence.h"

#include <fmt/core.h>

#include "engine/guest/region.h"

namespace causeway {

ConvergenceDecision decide_convergence(const RoundObservation& seen,
                                       const ConvergenceGoal& goal) {
  ConvergenceDecision decision;
  decision.blackout_predicted = seen.fixed_blackout;
  if (seen.dirty_blocks > 0 && seen.rate_bytes_s > 0) {
    decision.blackout_predicted +=
        transfer_time(seen.dirty_blocks * kBlockBytes, seen.rate_bytes_s);
  }
  const double predicted_ms = milliseconds(decision.blackout_predicted);
  const double goal_ms = milliseconds(goal.blackout_max);
  if (seen.dirty_blocks == 0) {
    decision.stop = true;
    decision.why = "nothing is dirty";
  } else if (decision.blackout_predicted <= goal.blackout_max) {
    // One more round pays while rounds still shrink what is left a lot and
    // the stop would not be short already; the goal is a bound, not an aim.
    const bool shrinks = seen.dirty_blocks * 2 < seen.sent_blocks;
    const bool worth = seen.dirty_blocks * kBlockBytes >
                       seen.rate_bytes_s * seconds(seen.fixed_blackout);
    decision.stop = !(shrinks && worth) || seen.round >= goal.rounds_max;
    decision.why =
        fmt::format("predicted blackout {:.1f} ms of {:.1f} ms{}", predicted_ms,
                    goal_ms, decision.stop ? "" : ", still shrinking");
  } else if (seen.rounds_without_gain >= kRoundsWithoutGainMax) {
    decision.stop = true;
    decision.why = fmt::format(
        "{} rounds without gain: the guest writes as fast as the path; "
        "predicted blackout {:.1f} ms exceeds {:.1f} ms",
        seen.rounds_without_gain, predicted_ms, goal_ms);
  } else if (seen.round >= goal.rounds_max) {
    decision.stop = true;
    decision.why = fmt::format(
        "{} rounds are the limit; predicted blackout {:.1f} ms exceeds "
        "{:.1f} ms",
        seen.round, predicted_ms, goal_ms);
  } else {
    decision.why = fmt::format("predicted blackout {:.1f} ms exceeds {:.1f} ms",
                               predicted_ms, goal_ms);
  }
  return decision;
}

}  // namespace causeway
