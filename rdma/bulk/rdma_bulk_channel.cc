#include "rdma/bulk/rdma_bulk_channel.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "engine/path/stream/stream_error.h"

namespace causeway {

// The target tells an end in order by that word, even if what it answers finds
// nobody. Before the queue pair goes: the word has then arrived when the answer
// to that meets a closed socket.
RdmaBulkChannel::~RdmaBulkChannel() {
  if (state_ != State::kRdma) return;
  switching_.say({SwitchOver::Kind::kPleaseLeave, 0});
  [[maybe_unused]] const auto said = switching_.flush();
}

Result<size_t> RdmaBulkChannel::post(std::span<const Put> puts) {
  if (state_ == State::kStream) {
    note_stream_used();
    return stream_->post(puts);
  }
  if (state_ != State::kRdma) return size_t{0};
  size_t taken = 0;
  for (; taken < puts.size() && !poster_->full(); ++taken) {
    poster_->push(puts[taken]);
  }
  return taken;
}

Result<bool> RdmaBulkChannel::post_fence(FenceId fence) {
  if (state_ == State::kStream) return stream_->post_fence(fence);
  if (state_ != State::kRdma || poster_->full()) return false;
  poster_->push_fence(fence);
  return true;
}

Result<ChannelProgress> RdmaBulkChannel::poll(Instant now) {
  if (state_ == State::kRdma) CAUSEWAY_TRY(poll_rdma(now));
  if (state_ == State::kLeaving) CAUSEWAY_TRY(poll_leaving());
  if (state_ == State::kReplaying) CAUSEWAY_TRY(poll_replaying(now));
  if (state_ == State::kStream) {
    CAUSEWAY_ASSIGN(streamed_, stream_->poll(now));
  }
  return progress();
}

ChannelProgress RdmaBulkChannel::progress() const {
  return {poster_->puts_landed() + streamed_.puts_released,
          std::max(poster_->fence_landed(), streamed_.fence_landed),
          poster_->wire_bytes() + streamed_.wire_bytes};
}

// The stream is looked at when there is nothing else to do: a target that is
// gone, or has left, is heard there first.
Status RdmaBulkChannel::poll_rdma(Instant now) {
  auto moved = poster_->poll(now);
  if (!moved) {
    if (moved.error().code == ErrorCode::kPeerBroken) {
      switching_.abort();
      return std::move(moved).error();
    }
    leave(moved.error().message);
    return {};
  }
  if (*moved) return {};
  CAUSEWAY_ASSIGN(left_, switching_.hear());
  if (left_) {
    leave("the target has left it");
  } else if (switching_.closed()) {
    return stream_closed(switching_.peer());
  }
  return {};
}

void RdmaBulkChannel::leave(std::string why) {
  why_left_ = std::move(why);
  poster_->disconnect();
  switching_.say({SwitchOver::Kind::kPleaseLeave, 0});
  state_ = State::kLeaving;
}

// A target that has left because all is there is no news.
void RdmaBulkChannel::note_stream_used() {
  if (stream_used_) return;
  stream_used_ = true;
  tally_.streams_used.fetch_add(1, std::memory_order_relaxed);
  spdlog::warn("goes on by TCP: {}", why_left_);
}

Status RdmaBulkChannel::poll_leaving() {
  CAUSEWAY_ASSIGN(const bool said, switching_.flush());
  if (!left_) {
    CAUSEWAY_ASSIGN(left_, switching_.hear());
    if (!left_ && switching_.closed()) return stream_closed(switching_.peer());
  }
  if (!left_ || !said) return {};
  if (left_->kind != SwitchOver::Kind::kLeft) {
    return make_error(ErrorCode::kPeerBroken,
                      "{} asks its source to leave RDMA", switching_.peer());
  }
  CAUSEWAY_TRY(poster_->leave(left_->taken));
  stream_ = std::make_unique<StreamBulkChannel>(switching_.take());
  state_ = State::kReplaying;
  return {};
}

Status RdmaBulkChannel::poll_replaying(Instant now) {
  while (const RdmaPoster::Item* item = poster_->unlanded()) {
    note_stream_used();
    bool posted = false;
    if (item->fence != 0) {
      CAUSEWAY_ASSIGN(posted, stream_->post_fence(item->fence));
    } else {
      CAUSEWAY_ASSIGN(const size_t taken,
                      stream_->post(std::span(&item->put, 1)));
      posted = taken == 1;
    }
    if (posted) {
      poster_->pop_unlanded();
      continue;
    }
    const uint64_t before = streamed_.wire_bytes;
    CAUSEWAY_ASSIGN(streamed_, stream_->poll(now));
    // Nothing went: something is unsent, and room for it wakes us. If all went,
    // nothing would.
    if (streamed_.wire_bytes == before) return {};
  }
  state_ = State::kStream;
  return {};
}

ChannelLimits RdmaBulkChannel::limits() const {
  ChannelLimits limits;
  limits.payload_bytes_max = kPutBytesMax;
  limits.puts_in_flight_max = kRdmaPutsMax;
  limits.ahead_bytes_max = kRdmaAheadBytesMax;
  limits.home_bytes = kRdmaExtentBytesMax;
  return limits;
}

Instant RdmaBulkChannel::wait_on(WaitSet& set) const {
  if (stream_ != nullptr) return stream_->wait_on(set);
  switching_.wait_on(set);
  if (state_ == State::kRdma) return poster_->wait_on(set);
  return kNever;
}

}  // namespace causeway
