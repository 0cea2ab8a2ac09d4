#include "engine/path/stripe/striped_path.h"

#include <algorithm>

#include "engine/path/stripe/striped_control_channel.h"

namespace causeway {

Result<std::unique_ptr<ControlChannel>> StripedOutboundPath::open_control() {
  return std::unique_ptr<ControlChannel>(
      std::make_unique<StripedControlChannel>(control_lanes(board_),
                                              options_.patience));
}

Result<std::unique_ptr<BulkChannel>> StripedOutboundPath::open_bulk(
    uint32_t worker) {
  return std::unique_ptr<BulkChannel>(
      std::make_unique<StripedBulkChannel>(board_, worker, options_));
}

PathStats StripedOutboundPath::stats() const {
  PathStats sum;
  board_.each([&](uint32_t, const OutboundPath& lane) {
    const PathStats one = lane.stats();
    sum.delivered_bytes_s += one.delivered_bytes_s;
    sum.loss = std::max(sum.loss, one.loss);
    sum.packets += one.packets;
    sum.packets_lost += one.packets_lost;
    sum.repair.add(one.repair);
    if (one.rtt == Duration(0)) return;
    sum.rtt = sum.rtt == Duration(0) ? one.rtt : std::min(sum.rtt, one.rtt);
  });
  return sum;
}

Result<std::unique_ptr<ControlChannel>> StripedInboundPath::accept_control() {
  return std::unique_ptr<ControlChannel>(
      std::make_unique<StripedControlChannel>(control_lanes(board_),
                                              options_.patience));
}

Result<std::unique_ptr<BulkReceiver>> StripedInboundPath::accept_bulk(
    uint32_t worker, PutSink& sink) {
  return std::unique_ptr<BulkReceiver>(std::make_unique<StripedBulkReceiver>(
      board_, worker, sink, options_.patience));
}

}  // namespace causeway
