#include "tests/engine/path/stripe/stripe_rig.h"

#include <algorithm>

namespace causeway {

StripeRig::StripeRig(const std::vector<VirtualLinkOptions>& lanes,
                     const StripeOptions& options) {
  for (uint32_t i = 0; i < lanes.size(); ++i) {
    lanes_.emplace_back().options = lanes[i];
    open(i);
  }
  outbound_ =
      std::make_unique<StripedOutboundPath>(out_board_, "loopback", options);
  inbound_ = std::make_unique<StripedInboundPath>(in_board_, options);
}

void StripeRig::open(uint32_t index) {
  Lane& lane = lanes_[index];
  lane.outbound.reset();
  lane.inbound.reset();
  lane.link = std::make_unique<VirtualLink>(lane.options);
  lane.link->advance(now_);
  lane.outbound = lane.link->outbound();
  lane.inbound = lane.link->inbound();
  out_board_.post(index, *lane.outbound);
  in_board_.post(index, *lane.inbound);
}

void StripeRig::cut(uint32_t lane) {
  lanes_[lane].link->cut();
  out_board_.withdraw(lane);
  in_board_.withdraw(lane);
}

bool StripeRig::can_heal(uint32_t lane) const {
  return !out_board_.in_use(lane) && !in_board_.in_use(lane);
}

void StripeRig::heal(uint32_t lane) { open(lane); }

void StripeRig::close() {
  out_board_.close();
  in_board_.close();
}

bool StripeRig::jump(Instant until) {
  if (until == kNever) return false;
  now_ = std::max(now_, until);
  return true;
}

}  // namespace causeway
