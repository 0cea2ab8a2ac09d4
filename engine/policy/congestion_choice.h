// CongestionChoice: how fast the wan path may send when nobody said. A pure
// function of what was measured towards the target.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/base/time.h"

namespace causeway {

struct CongestionObservation {
  // Share of the packets that was lost on the way there; nothing: it was never
  // measured, or too long ago.
  std::optional<double> loss;
};

struct CongestionDecision {
  std::string name;  // "bbr2", "bbr"
  std::string why;   // for the log
};

// BBR2 takes a loss of 2 % a round trip for a sign that it is too fast
// (BBRLossThresh, draft-ietf-ccwg-bbr) and sends less and less on a line that
// always loses more; the first BBR does not look at loss. It is not the
// default, since on other lines it fills the queue that all share.
inline constexpr double kBbr2LossMax = 0.02;

CongestionDecision choose_congestion(const CongestionObservation& seen);

// A copy that goes by BBR2 for want of knowledge, in its first round.
struct CongestionTrial {
  Duration rtt{0};
  double loss = 0;       // since its start was over (settled_loss.h) ...
  uint64_t packets = 0;  // ... of so many
  uint64_t sent_bytes = 0;
  uint64_t remaining_bytes = 0;  // of the round
};

// On a shorter line BBR2 finds its rate again as often as it gives it up: at
// 5 % and 50 ms it does as well as BBR, at 100 ms a fifth of it (perf/README).
inline constexpr Duration kTrialRttMin = std::chrono::milliseconds(75);
// Of so many 1 % are not taken for what is too much, but once in a thousand.
inline constexpr uint64_t kTrialPacketsMin = 1000;
inline constexpr double kTrialLossMin = 1.25 * kBbr2LossMax;

// Why it had better begin anew with BBR; nothing: it goes on. It is worth it
// while more remains than was sent: what was is sent again, and BBR starts more
// slowly.
std::optional<std::string> why_begin_anew(const CongestionTrial& seen);

}  // namespace causeway
