#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/path/stream/stream_bulk_receiver.h"
#include "engine/path/stream/stream_error.h"

namespace causeway {

Result<bool> StreamBulkReceiver::poll_stream() {
  size_t moved = 0;
  while (!closed_ && moved < kStreamReceiveBytesMax) {
    CAUSEWAY_ASSIGN(const size_t got, read_stream());
    if (got == 0) break;
    moved += got;
    CAUSEWAY_TRY(consume(got));
  }
  CAUSEWAY_TRY(flush_ack());
  return moved > 0;
}

Result<size_t> StreamBulkReceiver::read_stream() {
  const iovec pieces[2] = {
      {place_left_.data(), place_left_.size()},
      {ahead_.data() + ahead_end_, ahead_.size() - ahead_end_}};
  const StreamIo io =
      stream_->receive(std::span(pieces).subspan(place_left_.empty() ? 1 : 0));
  if (io.state == StreamIo::State::kBroken) {
    return stream_lost(io, stream_->peer());
  }
  if (io.state == StreamIo::State::kClosed) {
    if (in_put_ || ahead_bytes() > 0) return stream_closed(stream_->peer());
    closed_ = true;
  }
  wire_bytes_ += io.bytes;
  return io.bytes;
}

Status StreamBulkReceiver::consume(size_t got) {
  const size_t into_place = std::min(got, place_left_.size());
  place_left_ = place_left_.subspan(into_place);
  ahead_end_ += got - into_place;
  if (in_put_ && place_left_.empty()) CAUSEWAY_TRY(finish_put());
  return parse_ahead();
}

// Takes the frames in ahead_ until a payload or a head is not all there.
Status StreamBulkReceiver::parse_ahead() {
  while (!in_put_ && ahead_bytes() >= kFrameHeadBytes) {
    auto frame = decode_frame(
        FrameHeadView(ahead_.data() + ahead_begin_, kFrameHeadBytes));
    if (!frame) return from_peer(std::move(frame).error(), stream_->peer());
    ahead_begin_ += kFrameHeadBytes;
    CAUSEWAY_TRY(take_frame(*frame));
  }
  CAUSEWAY_ASSERT(place_left_.empty() || ahead_bytes() == 0);
  std::memmove(ahead_.data(), ahead_.data() + ahead_begin_, ahead_bytes());
  ahead_end_ -= ahead_begin_;
  ahead_begin_ = 0;
  return {};
}

Status StreamBulkReceiver::take_frame(const Frame& frame) {
  if (frame.fence != 0) {
    if (frame.fence <= fence_landed_) {
      return make_error(ErrorCode::kPeerBroken,
                        "{} sent fence {} after fence {}.", stream_->peer(),
                        frame.fence, fence_landed_);
    }
    fence_landed_ = frame.fence;
    return {};
  }
  put_ = frame.put;
  CAUSEWAY_ASSIGN(place_left_, sink_.begin(put_));
  CAUSEWAY_ASSERT(place_left_.size() == put_.payload_bytes);
  in_put_ = true;
  const size_t here = std::min(ahead_bytes(), place_left_.size());
  if (here > 0) {
    std::memcpy(place_left_.data(), ahead_.data() + ahead_begin_, here);
    ahead_begin_ += here;
    place_left_ = place_left_.subspan(here);
  }
  return place_left_.empty() ? finish_put() : Status();
}

Status StreamBulkReceiver::finish_put() {
  in_put_ = false;
  return sink_.end(put_);
}

// One answer may stand for several fences: the last one covers them.
Status StreamBulkReceiver::flush_ack() {
  for (;;) {
    if (ack_sent_ == kFenceAckBytes) {
      if (fence_answered_ == fence_landed_) return {};
      encode_fence_ack(fence_landed_, ack_);
      fence_answered_ = fence_landed_;
      ack_sent_ = 0;
    }
    const StreamIo io = stream_->send(std::span(ack_).subspan(ack_sent_));
    if (io.state == StreamIo::State::kBlocked) return {};
    if (io.state == StreamIo::State::kBroken) {
      // The sender may have closed after its last fence: what it sent is
      // still to be taken, and the read tells when the stream ended.
      if (io.errno_value == EPIPE || io.errno_value == ECONNRESET) {
        ack_sent_ = kFenceAckBytes;
        return {};
      }
      return stream_lost(io, stream_->peer());
    }
    ack_sent_ += io.bytes;
  }
}

}  // namespace causeway
