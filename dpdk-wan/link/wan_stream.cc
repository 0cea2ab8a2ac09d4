#include "dpdk-wan/link/wan_stream.h"

#include <poll.h>

#include <cerrno>

namespace causeway {

void SleepBell::about_to_sleep() {
  slept_ = true;
  sleeping_.store(true);
}

void SleepBell::up() {
  if (!slept_) return;
  slept_ = false;
  sleeping_.store(false);
  // A ring that comes after this wakes the next sleep, for nothing.
  notifier_.drain();
}

void SleepBell::ring() {
  if (sleeping_.exchange(false)) notifier_.notify();
}

StreamIo WanStream::lost() const {
  StreamIo io{StreamIo::State::kBroken};
  io.reason = end_.reason.c_str();
  return io;
}

StreamIo WanStream::send(std::span<const iovec> pieces) {
  rings_.owner.up();
  if (rings_.out_refused.load()) {
    return {StreamIo::State::kBroken, false, EPIPE};
  }
  if (end_.ended.load()) return lost();
  const size_t taken = rings_.out.write(pieces);
  if (taken > 0) link_.ring();
  return {taken > 0 ? StreamIo::State::kMoved : StreamIo::State::kBlocked,
          false, 0, taken};
}

StreamIo WanStream::receive(std::span<const iovec> pieces) {
  rings_.owner.up();
  // Before looking: what came before the end counts.
  const bool ended = end_.ended.load();
  const bool finished = rings_.in_finished.load();
  const size_t got = rings_.in.read(pieces);
  if (got > 0) {
    // The window is given back in large steps.
    if (rings_.in.released() - told_ >= rings_.in.capacity() / 8) {
      told_ = rings_.in.released();
      link_.ring();
    }
    return {StreamIo::State::kMoved, false, 0, got};
  }
  if (!rings_.in.empty()) return {};  // no room was offered
  if (finished || (ended && end_.orderly)) return {StreamIo::State::kClosed};
  if (ended) return lost();
  return {StreamIo::State::kBlocked};
}

Instant WanStream::wait_on(WaitSet& set, bool unsent) const {
  set.add(rings_.owner.fd(), POLLIN);
  rings_.wants_room.store(unsent);
  rings_.owner.about_to_sleep();
  const bool news =
      !rings_.in.empty() || rings_.in_finished.load() || end_.ended.load() ||
      (unsent && (rings_.out.room() > 0 || rings_.out_refused.load()));
  return news ? Instant() : kNever;
}

void WanStream::finish() {
  rings_.out_finished.store(true);
  link_.ring();
}

void WanStream::abort() {
  rings_.in_dropped.store(true);
  finish();
}

}  // namespace causeway
