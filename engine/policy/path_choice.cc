#include "engine/policy/path_choice.h"

#include <fmt/core.h>

namespace causeway {

PathDecision choose_path(const PathObservation& seen) {
  const double rtt_ms = milliseconds(seen.rtt);
  if (seen.rtt < kWanRttMin) {
    return {"tcp", fmt::format("a round trip of {:.2f} ms is one inside a site",
                               rtt_ms)};
  }
  if (!seen.encrypted) {
    return {"tcp", fmt::format("the hosts are {:.0f} ms apart, but the wan "
                               "path needs certificates",
                               rtt_ms)};
  }
  return {"wan", fmt::format("the hosts are {:.0f} ms apart", rtt_ms)};
}

}  // namespace causeway
