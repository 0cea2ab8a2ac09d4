// CongestionChoice: how fast the wan path may send when nobody said. A pure
// function of what was last measured towards the target.
#pragma once

#include <optional>
#include <string>

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

}  // namespace causeway
