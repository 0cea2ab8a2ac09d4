#include "engine/path/stripe/lane_flow.h"

namespace causeway {

void LaneFlow::restart() {
  entries_.resize(mask_ + 1);
  posted_ = acked_ = 0;
  unacked_bytes_ = delivered_bytes_ = 0;
  rate_ = 0;
  rtt_ = Duration(0);
}

}  // namespace causeway
