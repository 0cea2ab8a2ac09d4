#include "dpdk-wan/link/link_thread.h"

#include <poll.h>
#include <pthread.h>

#include <algorithm>
#include <vector>

#include "engine/path/stream/stream_error.h"
#include "engine/runtime/clock.h"

namespace causeway {
namespace {

int poll_ms(Duration left) {
  return static_cast<int>(
      std::chrono::ceil<std::chrono::milliseconds>(left).count());
}

// Until the stream has news or `deadline`; false when that has passed.
bool wait_for(const ByteStream& stream, bool unsent, Instant deadline) {
  WaitSet set;
  const Instant due = stream.wait_on(set, unsent);
  const Instant now = monotonic_now();
  if (due <= now) return true;
  if (now >= deadline) return false;
  std::vector<pollfd> fds;
  for (const WaitSet::Entry& entry : set.entries()) {
    fds.push_back({entry.fd, entry.events, 0});
  }
  ::poll(fds.data(), fds.size(), poll_ms(std::min(due, deadline) - now));
  return true;
}

Error too_slow(const ByteStream& stream) {
  return make_error(ErrorCode::kTimeout, "{} did not answer in time.",
                    stream.peer());
}

}  // namespace

LinkThread::LinkThread(std::unique_ptr<WanLink> link) : link_(std::move(link)) {
  driver_.add(*link_);
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "wan-link");
    driver_.run();
  });
}

LinkThread::~LinkThread() { stop(); }

void LinkThread::stop() {
  if (!thread_.joinable()) return;
  link_->close();
  thread_.join();
}

bool LinkThread::await_end(int cancel_fd) {
  for (;;) {
    link_->state_seen();
    if (link_->state() == WanLink::State::kEnded) return true;
    pollfd fds[] = {{link_->state_fd(), POLLIN, 0}, {cancel_fd, POLLIN, 0}};
    ::poll(fds, 2, -1);
    if (fds[1].revents != 0) return false;
  }
}

Status LinkThread::await_open(Duration timeout, int cancel_fd) {
  const Instant deadline = monotonic_now() + timeout;
  for (;;) {
    const WanLink::State state = link_->state();
    if (state == WanLink::State::kOpen) return {};
    if (state == WanLink::State::kEnded) {
      return Error{link_->end().code, link_->end().reason};
    }
    const Instant now = monotonic_now();
    if (now >= deadline) {
      return make_error(ErrorCode::kTimeout, "nobody answered within {:.1f} s",
                        seconds(timeout));
    }
    pollfd fds[] = {{link_->state_fd(), POLLIN, 0}, {cancel_fd, POLLIN, 0}};
    ::poll(fds, 2, poll_ms(deadline - now));
    if (fds[1].revents != 0) {
      return make_error(ErrorCode::kCancelled, "it is not wanted any more");
    }
  }
}

Status send_whole(ByteStream& stream, std::span<const std::byte> bytes,
                  Duration timeout) {
  const Instant deadline = monotonic_now() + timeout;
  while (!bytes.empty()) {
    const StreamIo io = stream.send(bytes);
    if (io.state == StreamIo::State::kBroken) {
      return stream_lost(io, stream.peer());
    }
    bytes = bytes.subspan(io.bytes);
    if (!bytes.empty() && !wait_for(stream, true, deadline)) {
      return too_slow(stream);
    }
  }
  return {};
}

Status receive_whole(ByteStream& stream, std::span<std::byte> bytes,
                     Duration timeout) {
  const Instant deadline = monotonic_now() + timeout;
  while (!bytes.empty()) {
    const StreamIo io = stream.receive(bytes);
    if (io.state == StreamIo::State::kClosed) {
      return stream_closed(stream.peer());
    }
    if (io.state == StreamIo::State::kBroken) {
      return stream_lost(io, stream.peer());
    }
    bytes = bytes.subspan(io.bytes);
    if (!bytes.empty() && !wait_for(stream, false, deadline)) {
      return too_slow(stream);
    }
  }
  return {};
}

}  // namespace causeway
