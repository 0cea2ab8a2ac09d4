#include "rdma/bulk/rdma_bulk_receiver.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "engine/path/stream/stream_error.h"

namespace causeway {

Result<bool> RdmaBulkReceiver::poll(Instant now) {
  if (broken_) return *broken_;
  auto moved = poll_state(now);
  if (!moved) {
    taker_->disconnect();
    if (stream_ == nullptr) switching_.abort();
    broken_ = moved.error();
  }
  return moved;
}

Result<bool> RdmaBulkReceiver::poll_state(Instant now) {
  if (state_ == State::kStream) return poll_stream(now);
  if (state_ == State::kRdma) return poll_rdma();
  return poll_left();
}

// A connection that broke is left; what the sink refuses or the source must not
// say ends the channel.
Result<bool> RdmaBulkReceiver::poll_rdma() {
  auto moved = taker_->poll();
  if (!moved) {
    if (moved.error().code != ErrorCode::kConnectionLost) return moved;
    spdlog::debug("leaves RDMA: {}", moved.error().message);
    leave();
    return true;
  }
  if (*moved) return true;
  CAUSEWAY_ASSIGN(const auto said, switching_.hear());
  if (switching_.closed()) return stream_closed(switching_.peer());
  if (!said) return false;
  if (said->kind != SwitchOver::Kind::kPleaseLeave) {
    return make_error(ErrorCode::kPeerBroken, "{} says that it has left RDMA",
                      switching_.peer());
  }
  source_knows_ = true;
  leave();
  return true;
}

void RdmaBulkReceiver::leave() {
  taker_->disconnect();
  switching_.say({SwitchOver::Kind::kLeft, taker_->taken()});
  state_ = State::kLeft;
}

Result<bool> RdmaBulkReceiver::poll_left() {
  // A source that is gone need not hear it: what it sent before counts.
  const auto said = switching_.flush();
  if (!source_knows_) {
    CAUSEWAY_ASSIGN(const auto heard, switching_.hear());
    source_knows_ = heard.has_value();
    if (!source_knows_) return false;
  }
  if (said && !*said) return false;
  stream_ = std::make_unique<StreamBulkReceiver>(switching_.take(), sink_);
  state_ = State::kStream;
  return true;
}

// A source that asked to leave and hung up has said all: our answer, which it
// did not wait for, may have made its end a reset.
Result<bool> RdmaBulkReceiver::poll_stream(Instant now) {
  if (hung_up_) return false;
  auto moved = stream_->poll(now);
  if (moved || moved.error().code != ErrorCode::kConnectionLost ||
      stream_->wire_bytes() > 0) {
    return moved;
  }
  hung_up_ = true;
  return false;
}

Status RdmaBulkReceiver::withdraw() {
  if (state_ == State::kRdma && !closed()) leave();
  return {};
}

bool RdmaBulkReceiver::closed() const {
  if (stream_ != nullptr) return hung_up_ || stream_->closed();
  return switching_.closed();
}

FenceId RdmaBulkReceiver::fence_landed() const {
  const FenceId streamed = stream_ != nullptr ? stream_->fence_landed() : 0;
  return std::max(taker_->fence_landed(), streamed);
}

uint64_t RdmaBulkReceiver::wire_bytes() const {
  return taker_->wire_bytes() +
         (stream_ != nullptr ? stream_->wire_bytes() : 0);
}

Instant RdmaBulkReceiver::wait_on(WaitSet& set) const {
  if (stream_ != nullptr) return stream_->wait_on(set);
  switching_.wait_on(set);
  return state_ == State::kRdma ? taker_->wait_on(set) : kNever;
}

}  // namespace causeway
