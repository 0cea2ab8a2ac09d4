#include "engine/path/tcp/tcp_bulk_receiver.h"

namespace causeway {

Result<bool> TcpBulkReceiver::poll(Instant) {
  if (broken_) return *broken_;
  auto moved = poll_stream();
  if (!moved) {
    broken_ = moved.error();
    // The sender learns at once, not when its buffers are full.
    stream_.abort();
  }
  return moved;
}

Instant TcpBulkReceiver::wait_on(WaitSet& set) const {
  if (closed_) return kNever;
  const bool unsent = ack_sent_ < kFenceAckBytes;
  return stream_.wait_on(set, unsent);
}

}  // namespace causeway
