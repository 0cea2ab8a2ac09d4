#include "engine/migration/receiver.h"

namespace causeway {

Instant Receiver::step(Instant now) {
  wake_.drain();
  auto moved = [&]() -> Result<bool> {
    CAUSEWAY_TRY(withdraw_if_wanted());
    return bulk_.poll(now);
  }();
  wire_bytes_.store(bulk_.wire_bytes(), std::memory_order_relaxed);
  if (!moved) {
    failure_ = std::move(moved).error();
    failed_.store(true, std::memory_order_release);
    // A channel that broke places nothing; one that could not withdraw may.
    if (!withdraw_failed_) note_withdrawn();
    session_wake_.notify();
    return kNever;
  }
  if (bulk_.closed()) note_withdrawn();
  if (bulk_.fence_landed() > fence_landed()) {
    fence_landed_.store(bulk_.fence_landed(), std::memory_order_release);
    session_wake_.notify();
  }
  if (*moved) return now;
  WaitSet unused;
  return bulk_.wait_on(unused);
}

Status Receiver::withdraw_if_wanted() {
  if (!withdraw_wanted_.load(std::memory_order_acquire) || withdrawn()) {
    return {};
  }
  withdraw_failed_ = true;
  CAUSEWAY_TRY(bulk_.withdraw());
  withdraw_failed_ = false;
  note_withdrawn();
  return {};
}

void Receiver::note_withdrawn() {
  if (withdrawn_.exchange(true, std::memory_order_acq_rel)) return;
  session_wake_.notify();
}

void Receiver::withdraw() {
  withdraw_wanted_.store(true, std::memory_order_release);
  wake_.notify();
}

void Receiver::stop() {
  stopping_.store(true, std::memory_order_release);
  wake_.notify();
}

void Receiver::wait_on(WaitSet& set) const {
  set.add(wake_.fd(), /*POLLIN*/ 1);
  bulk_.wait_on(set);
}

bool Receiver::done() const {
  return stopping_.load(std::memory_order_acquire) ||
         failed_.load(std::memory_order_relaxed) || bulk_.closed();
}

}  // namespace causeway
