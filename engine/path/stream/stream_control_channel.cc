#include "engine/path/stream/stream_control_channel.h"

#include <algorithm>

#include "engine/base/bytes.h"
#include "engine/base/limits.h"
#include "engine/path/stream/stream_error.h"

namespace causeway {
namespace {

// A body is given memory as it comes, not as its length promises.
constexpr size_t kGrowBytes = 64u << 10;

}  // namespace

StreamControlChannel::~StreamControlChannel() {
  // What was sent last (a refusal, a farewell) should still leave.
  (void)flush();
  // The path may keep a duplicate of the fd for its statistics, so that close
  // alone would not tell the peer.
  stream_->finish();
}

Status StreamControlChannel::send(std::span<const std::byte> message) {
  if (message.size() > kControlMessageBytesMax) {
    return make_error(ErrorCode::kInvalidArgument,
                      "A control message of {} bytes is longer than {}.",
                      message.size(), kControlMessageBytesMax);
  }
  const size_t waiting = queue_.size() - queue_sent_;
  if (waiting + kLengthBytes + message.size() > kControlQueueBytesMax) {
    return make_error(ErrorCode::kTimeout,
                      "{} does not read its control messages: {} bytes wait "
                      "for it.",
                      stream_->peer(), waiting);
  }
  ByteWriter length;
  length.put(static_cast<uint32_t>(message.size()));
  const auto head = length.take();
  queue_.insert(queue_.end(), head.begin(), head.end());
  queue_.insert(queue_.end(), message.begin(), message.end());
  return flush();
}

Status StreamControlChannel::flush() {
  while (queue_sent_ < queue_.size()) {
    const StreamIo io =
        stream_->send(std::as_bytes(std::span(queue_).subspan(queue_sent_)));
    if (io.state == StreamIo::State::kBroken) {
      return stream_lost(io, stream_->peer());
    }
    queue_sent_ += io.bytes;
    if (io.state == StreamIo::State::kBlocked) {
      // What has gone out is dropped now and then, so that a slow peer does
      // not make the queue longer than its limit.
      if (queue_sent_ > kGrowBytes) {
        queue_.erase(queue_.begin(), queue_.begin() + queue_sent_);
        queue_sent_ = 0;
      }
      return {};
    }
  }
  queue_.clear();
  queue_sent_ = 0;
  return {};
}

// Reads into `into` from `got` on; true when it is full.
Result<bool> StreamControlChannel::fill(std::span<std::byte> into,
                                        size_t& got) {
  while (got < into.size()) {
    const StreamIo io = stream_->receive(into.subspan(got));
    got += io.bytes;
    if (io.state == StreamIo::State::kBlocked) return got == into.size();
    if (io.state == StreamIo::State::kClosed) {
      return stream_closed(stream_->peer());
    }
    if (io.state == StreamIo::State::kBroken) {
      return stream_lost(io, stream_->peer());
    }
  }
  return true;
}

Result<std::optional<std::vector<std::byte>>> StreamControlChannel::receive(
    Instant) {
  using Message = std::optional<std::vector<std::byte>>;
  CAUSEWAY_TRY(flush());
  if (length_got_ < kLengthBytes) {
    CAUSEWAY_ASSIGN(const bool whole, fill(length_, length_got_));
    if (!whole) return Message();
  }
  const size_t bytes = ByteReader(length_).get<uint32_t>();
  if (bytes > kControlMessageBytesMax) {
    return make_error(ErrorCode::kPeerBroken,
                      "{} announced a control message of {} bytes; {} is the "
                      "limit.",
                      stream_->peer(), bytes, kControlMessageBytesMax);
  }
  while (body_got_ < bytes) {
    body_.resize(std::min(bytes, body_got_ + kGrowBytes));
    CAUSEWAY_ASSIGN(const bool whole, fill(body_, body_got_));
    if (!whole) return Message();
  }
  length_got_ = 0;
  body_got_ = 0;
  return Message(std::exchange(body_, {}));
}

Instant StreamControlChannel::wait_on(WaitSet& set) const {
  const bool unsent = queue_sent_ < queue_.size();
  return stream_->wait_on(set, unsent);
}

}  // namespace causeway
