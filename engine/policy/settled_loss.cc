#include "engine/policy/settled_loss.h"

#include <algorithm>

namespace causeway {

void SettledLoss::see(const Seen& seen, Instant now) {
  if (seen.packets == 0 || seen.rtt == Duration(0)) return;
  const bool went_back =
      seen.packets < last_.packets || seen.packets_lost < last_.packets_lost;
  if (!began_ || went_back) begin(seen, now);
  last_ = seen;
  if (settled_) return;
  // The queue of the start is part of the round trip.
  rtt_max_ = std::max(rtt_max_, seen.rtt);
  first_ = seen;
  settled_ =
      now - *began_ >= std::max(kStartTimeMin, kStartRoundTrips * rtt_max_);
}

void SettledLoss::begin(const Seen& seen, Instant now) {
  began_ = now;
  settled_ = false;
  rtt_max_ = seen.rtt;
}

double SettledLoss::share() const {
  const uint64_t sent = packets();
  if (sent == 0) return 0;
  const uint64_t lost = last_.packets_lost - first_.packets_lost;
  return std::min(1.0, static_cast<double>(lost) / static_cast<double>(sent));
}

}  // namespace causeway
