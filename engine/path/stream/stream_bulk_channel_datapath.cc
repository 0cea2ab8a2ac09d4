#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/path/stream/stream_bulk_channel.h"
#include "engine/path/stream/stream_error.h"

namespace causeway {

Result<size_t> StreamBulkChannel::post(std::span<const Put> puts) {
  size_t taken = 0;
  for (; taken < puts.size() && !full(); ++taken) {
    const Put& put = puts[taken];
    CAUSEWAY_ASSERT(put.head.payload_bytes == put.payload.size());
    CAUSEWAY_ASSERT(put.payload.size() <= kPutBytesMax);
    encode_put(put.head, FrameHeadSpan(head_of(head_), kFrameHeadBytes));
    payloads_[head_ % kFrames] = put.payload;
    is_put_[head_ % kFrames] = true;
    ++head_;
  }
  return taken;
}

Result<bool> StreamBulkChannel::post_fence(FenceId fence) {
  CAUSEWAY_ASSERT(fence > last_fence_);
  if (full()) return false;
  encode_fence(fence, FrameHeadSpan(head_of(head_), kFrameHeadBytes));
  payloads_[head_ % kFrames] = {};
  is_put_[head_ % kFrames] = false;
  ++head_;
  last_fence_ = fence;
  return true;
}

Result<ChannelProgress> StreamBulkChannel::poll(Instant) {
  CAUSEWAY_TRY(flush());
  CAUSEWAY_TRY(read_acks());
  return progress_;
}

// Heads of frames without payload lie side by side and become one piece.
void StreamBulkChannel::add_piece(size_t& pieces, const std::byte* at,
                                  size_t bytes) {
  if (bytes == 0) return;
  if (pieces > 0) {
    iovec& last = pieces_[pieces - 1];
    if (static_cast<std::byte*>(last.iov_base) + last.iov_len == at) {
      last.iov_len += bytes;
      return;
    }
  }
  pieces_[pieces++] = {const_cast<std::byte*>(at), bytes};
}

// Fills pieces_ from what is unsent; returns the bytes.
size_t StreamBulkChannel::gather(size_t& pieces) {
  size_t total = 0;
  size_t skip = tail_sent_;
  for (uint64_t frame = tail_; frame < head_ && total < kStreamSendBytesMax;
       ++frame) {
    const auto payload = payloads_[frame % kFrames];
    const size_t head_skip = std::min(skip, kFrameHeadBytes);
    const size_t payload_skip = skip - head_skip;
    add_piece(pieces, head_of(frame) + head_skip, kFrameHeadBytes - head_skip);
    add_piece(pieces, payload.data() + payload_skip,
              payload.size() - payload_skip);
    total += frame_bytes(frame) - skip;
    skip = 0;
  }
  return total;
}

void StreamBulkChannel::advance(size_t sent) {
  progress_.wire_bytes += sent;
  tail_sent_ += sent;
  while (tail_ < head_ && tail_sent_ >= frame_bytes(tail_)) {
    tail_sent_ -= frame_bytes(tail_);
    if (is_put_[tail_ % kFrames]) ++progress_.puts_released;
    ++tail_;
  }
}

Status StreamBulkChannel::flush() {
  while (tail_ < head_) {
    size_t pieces = 0;
    const size_t wanted = gather(pieces);
    const StreamIo io = stream_->send(std::span(pieces_).first(pieces));
    if (io.state == StreamIo::State::kBroken) {
      return stream_lost(io, stream_->peer());
    }
    advance(io.bytes);
    if (io.bytes < wanted) return {};
  }
  return {};
}

Status StreamBulkChannel::read_acks() {
  for (;;) {
    const size_t room = acks_.size() - acks_got_;
    const StreamIo io = stream_->receive(std::span(acks_).subspan(acks_got_));
    if (io.state == StreamIo::State::kClosed) {
      return stream_closed(stream_->peer());
    }
    if (io.state == StreamIo::State::kBroken) {
      return stream_lost(io, stream_->peer());
    }
    acks_got_ += io.bytes;
    size_t used = 0;
    for (; acks_got_ - used >= kFenceAckBytes; used += kFenceAckBytes) {
      CAUSEWAY_TRY(take_ack(FenceAckView(acks_.data() + used, kFenceAckBytes)));
    }
    acks_got_ -= used;
    std::memmove(acks_.data(), acks_.data() + used, acks_got_);
    if (io.bytes < room) return {};
  }
}

Status StreamBulkChannel::take_ack(FenceAckView ack) {
  auto fence = decode_fence_ack(ack);
  if (!fence) return from_peer(std::move(fence).error(), stream_->peer());
  if (*fence <= progress_.fence_landed || *fence > last_fence_) {
    return make_error(ErrorCode::kPeerBroken,
                      "{} acknowledged fence {}; {} was the last that landed "
                      "and {} the last posted.",
                      stream_->peer(), *fence, progress_.fence_landed,
                      last_fence_);
  }
  progress_.fence_landed = *fence;
  return {};
}

}  // namespace causeway
