#include "engine/policy/congestion_choice.h"

#include <fmt/core.h>

namespace causeway {

CongestionDecision choose_congestion(const CongestionObservation& seen) {
  if (!seen.loss) {
    return {"bbr2", "nothing is known of the line's loss"};
  }
  const double percent = 100 * *seen.loss;
  if (*seen.loss > kBbr2LossMax) {
    return {"bbr", fmt::format("the line lost {:.1f} % lately, more than bbr2 "
                               "can do with",
                               percent)};
  }
  return {"bbr2", fmt::format("the line lost {:.2f} % lately", percent)};
}

std::optional<std::string> why_begin_anew(const CongestionTrial& seen) {
  if (seen.rtt < kTrialRttMin || seen.packets < kTrialPacketsMin ||
      seen.loss <= kTrialLossMin || seen.remaining_bytes <= seen.sent_bytes) {
    return std::nullopt;
  }
  return fmt::format("the line loses {:.1f} %, more than bbr2 can do with",
                     100 * seen.loss);
}

}  // namespace causeway
