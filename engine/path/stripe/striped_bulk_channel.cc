#include "engine/path/stripe/striped_bulk_channel.h"

#include <algorithm>

#include "engine/base/assert.h"

namespace causeway {

StripedBulkChannel::StripedBulkChannel(OutboundBoard& board, uint32_t worker,
                                       const StripeOptions& options)
    : board_(board),
      worker_(worker),
      options_(options),
      records_(stripe_records(options.window_bytes)),
      window_(new std::byte[options.window_bytes]) {
  CAUSEWAY_ASSERT(std::has_single_bit(options.window_bytes));
  lanes_.reserve(kStripeLanesMax);
  for (uint32_t i = 0; i < kStripeLanesMax; ++i) {
    lanes_.emplace_back(stripe_records(options.window_bytes));
  }
  broke_ = make_error(ErrorCode::kConnectionLost,
                      "The path has no lane that is up.");
  take_lanes();
}

StripedBulkChannel::~StripedBulkChannel() = default;

// The set-up of a lane, whenever it comes.
void StripedBulkChannel::take_lanes() {
  board_.look([this](uint32_t index, OutboundBoard::Lease lease) {
    Lane& lane = lanes_[index];
    CAUSEWAY_ASSERT(lane.channel == nullptr);
    auto channel = lease.path()->open_bulk(worker_);
    // It broke meanwhile: it will be posted anew.
    if (!channel) return;
    lane.lease = std::move(lease);
    lane.channel = std::move(channel).value();
    lane.channel->set_urgent(urgency_told_);
    lane.flow.restart();
    lane.released = lane.fenced = lane.fenced_bytes = 0;
    lane.sent_bytes = lane.wire_bytes = 0;
    lane.full = lane.stalled = lane.pledged = false;
    no_lane_since_.reset();
  });
}

void StripedBulkChannel::tell_urgency() {
  urgency_told_ = urgent_.load();
  for (Lane& lane : lanes_) {
    if (lane.channel != nullptr) lane.channel->set_urgent(urgency_told_);
  }
}

bool StripedBulkChannel::has_lane() const {
  return std::any_of(lanes_.begin(), lanes_.end(),
                     [](const Lane& lane) { return lane.channel != nullptr; });
}

void StripedBulkChannel::lane_broke(uint8_t index, Error error) {
  Lane& lane = lanes_[index];
  take_back(index);
  past_wire_bytes_ += lane.wire_bytes;
  lane.wire_bytes = 0;
  lane.channel.reset();
  lane.lease.release();
  broke_ = std::move(error);
}

ChannelLimits StripedBulkChannel::limits() const {
  return {kPutBytesMax, static_cast<uint32_t>(records_.size())};
}

Instant StripedBulkChannel::wait_on(WaitSet& set) const {
  set.add(board_.fd(), /*POLLIN*/ 1);
  if (fresh_ || board_.stale()) return Instant();
  Instant due = kNever;
  for (uint8_t i = 0; i < lanes_.size(); ++i) {
    const Lane& lane = lanes_[i];
    if (lane.channel == nullptr) continue;
    due = std::min(due, lane.channel->wait_on(set));
    if (!lane.stalled && other_flows(i)) {
      due = std::min(due, lane.flow.stalls_at(urgency_told_));
    }
  }
  if (no_lane_since_) due = std::min(due, *no_lane_since_ + options_.patience);
  return due;
}

}  // namespace causeway
