#include "engine/path/stripe/striped_bulk_receiver.h"

#include <algorithm>

namespace causeway {

StripedBulkReceiver::StripedBulkReceiver(InboundBoard& board, uint32_t worker,
                                         PutSink& sink, Duration patience)
    : board_(board),
      worker_(worker),
      sink_(sink),
      patience_(patience),
      seen_(kStripeRecordsMax),
      fences_(kStripeRecordsMax) {
  lanes_.reserve(kStripeLanesMax);
  for (uint32_t i = 0; i < kStripeLanesMax; ++i) lanes_.emplace_back(*this);
  lane_error_ = make_error(ErrorCode::kConnectionLost,
                           "The path has no lane that is up.");
  take_lanes();
}

StripedBulkReceiver::~StripedBulkReceiver() {
  if (!broken_) hang_up();
}

void StripedBulkReceiver::LaneSink::open() {
  if (place_ == nullptr) place_.reset(new std::byte[kPutBytesMax]);
}

void StripedBulkReceiver::take_lanes() {
  board_.look([this](uint32_t lane, InboundBoard::Lease lease) {
    take_lane(lane, std::move(lease));
  });
}

// The set-up of a lane, whenever it comes.
void StripedBulkReceiver::take_lane(uint32_t index, InboundBoard::Lease lease) {
  Lane& lane = lanes_[index];
  CAUSEWAY_ASSERT(lane.receiver == nullptr);
  lane.sink.open();
  auto receiver = lease.path()->accept_bulk(worker_, lane.sink);
  if (!receiver) return;
  lane.lease = std::move(lease);
  lane.receiver = std::move(receiver).value();
  lane.closed = false;
  no_lane_since_.reset();
}

Result<bool> StripedBulkReceiver::poll(Instant now) {
  if (broken_) return *broken_;
  auto moved = poll_lanes(now);
  if (!moved) {
    broken_ = moved.error();
    hang_up();
  }
  return moved;
}

// The sender learns at once, not when its buffers are full; by lanes that are
// here and have not been looked at, too, and by those that come.
void StripedBulkReceiver::hang_up() {
  board_.look_and_refuse(worker_,
                         [this](uint32_t lane, InboundBoard::Lease lease) {
                           take_lane(lane, std::move(lease));
                         });
  for (Lane& lane : lanes_) {
    if (lane.receiver != nullptr) {
      past_wire_bytes_ += lane.receiver->wire_bytes();
    }
    lane.receiver.reset();
    lane.lease.release();
  }
}

void StripedBulkReceiver::lane_broke(Lane& lane, Error error) {
  past_wire_bytes_ += lane.receiver->wire_bytes();
  lane.receiver.reset();
  lane.lease.release();
  lane_error_ = std::move(error);
}

uint64_t StripedBulkReceiver::wire_bytes() const {
  uint64_t bytes = past_wire_bytes_;
  for (const Lane& lane : lanes_) {
    if (lane.receiver != nullptr) bytes += lane.receiver->wire_bytes();
  }
  return bytes;
}

Instant StripedBulkReceiver::wait_on(WaitSet& set) const {
  if (closed_) return kNever;
  if (broken_ || board_.stale()) return Instant();
  set.add(board_.fd(), /*POLLIN*/ 1);
  Instant due = kNever;
  for (const Lane& lane : lanes_) {
    if (lane.receiver == nullptr || lane.closed) continue;
    due = std::min(due, lane.receiver->wait_on(set));
  }
  if (no_lane_since_) due = std::min(due, *no_lane_since_ + patience_);
  return due;
}

}  // namespace causeway
