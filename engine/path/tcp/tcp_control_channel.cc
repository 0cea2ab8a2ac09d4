#include "engine/path/tcp/tcp_control_channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "engine/base/bytes.h"
#include "engine/base/limits.h"
#include "engine/path/tcp/stream_error.h"

namespace causeway {
namespace {

// A body is given memory as it comes, not as its length promises.
constexpr size_t kGrowBytes = 64u << 10;

}  // namespace

TcpControlChannel::~TcpControlChannel() {
  // What was sent last (a refusal, a farewell) should still leave.
  if (!stream_.fd) return;
  (void)flush();
  // The path may keep a duplicate of the fd for its statistics, so that close
  // alone would not tell the peer.
  ::shutdown(stream_.fd.get(), SHUT_WR);
}

Status TcpControlChannel::send(std::span<const std::byte> message) {
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
                      stream_.peer, waiting);
  }
  ByteWriter length;
  length.put(static_cast<uint32_t>(message.size()));
  const auto head = length.take();
  queue_.insert(queue_.end(), head.begin(), head.end());
  queue_.insert(queue_.end(), message.begin(), message.end());
  return flush();
}

Status TcpControlChannel::flush() {
  while (queue_sent_ < queue_.size()) {
    const ssize_t sent =
        ::send(stream_.fd.get(), queue_.data() + queue_sent_,
               queue_.size() - queue_sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return stream_lost(errno, stream_.peer);
      // What has gone out is dropped now and then, so that a slow peer does
      // not make the queue longer than its limit.
      if (queue_sent_ > kGrowBytes) {
        queue_.erase(queue_.begin(), queue_.begin() + queue_sent_);
        queue_sent_ = 0;
      }
      return {};
    }
    queue_sent_ += sent;
  }
  queue_.clear();
  queue_sent_ = 0;
  return {};
}

// Reads into `into` from `got` on; true when it is full.
Result<bool> TcpControlChannel::fill(std::span<std::byte> into, size_t& got) {
  while (got < into.size()) {
    const ssize_t count = ::recv(stream_.fd.get(), into.data() + got,
                                 into.size() - got, MSG_DONTWAIT);
    if (count > 0) {
      got += count;
    } else if (count == 0) {
      return stream_closed(stream_.peer);
    } else if (errno == EAGAIN) {
      return false;
    } else if (errno != EINTR) {
      return stream_lost(errno, stream_.peer);
    }
  }
  return true;
}

Result<std::optional<std::vector<std::byte>>> TcpControlChannel::receive(
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
                      stream_.peer, bytes, kControlMessageBytesMax);
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

Instant TcpControlChannel::wait_on(WaitSet& set) const {
  const bool unsent = queue_sent_ < queue_.size();
  set.add(stream_.fd.get(), unsent ? POLLIN | POLLOUT : POLLIN);
  return kNever;
}

}  // namespace causeway
