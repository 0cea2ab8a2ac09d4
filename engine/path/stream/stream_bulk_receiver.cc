#include "engine/path/stream/stream_bulk_receiver.h"

namespace causeway {

Result<bool> StreamBulkReceiver::poll(Instant) {
  if (broken_) return *broken_;
  auto moved = poll_stream();
  if (!moved) {
    broken_ = moved.error();
    // The sender learns at once, not when its buffers are full.
    stream_->abort();
  }
  return moved;
}

Instant StreamBulkReceiver::wait_on(WaitSet& set) const {
  if (closed_) return kNever;
  const bool unsent = ack_sent_ < kFenceAckBytes;
  return stream_->wait_on(set, unsent);
}

}  // namespace causeway
