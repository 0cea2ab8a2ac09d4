#include "tests/sim/simulator.h"

#include <poll.h>

#include <algorithm>

namespace causeway::sim {
namespace {

bool any_ready(const Stepper& stepper) {
  WaitSet set;
  stepper.wait_on(set);
  for (const WaitSet::Entry& entry : set.entries()) {
    pollfd one{entry.fd, entry.events, 0};
    if (::poll(&one, 1, 0) > 0) return true;
  }
  return false;
}

}  // namespace

bool Simulator::run(const std::function<bool()>& finished, Instant until) {
  while (!finished()) {
    if (step_ready()) continue;
    const Instant next = next_wake();
    if (next <= now_) continue;
    if (next == kNever || next > until) return finished();
    now_ = std::max(now_, next);
    if (on_time) on_time(now_);
  }
  return true;
}

void Simulator::pass(Duration time) {
  if (time == Duration{0}) return;
  now_ += time;
  if (on_time) on_time(now_);
}

// A virtual link has no fds: what one stepper posted changes when another
// wants to be woken, so all are asked again before time moves.
Instant Simulator::next_wake() {
  Instant next = kNever;
  for (Entry& entry : entries_) {
    if (entry.stepper->done()) continue;
    entry.wake = entry.stepper->step(now_);
    next = std::min(next, entry.wake);
  }
  return next;
}

// True when some stepper had something to do.
bool Simulator::step_ready() {
  bool stepped = false;
  for (Entry& entry : entries_) {
    if (entry.stepper->done()) continue;
    if (entry.wake > now_ && !any_ready(*entry.stepper)) continue;
    entry.wake = entry.stepper->step(now_);
    stepped = true;
  }
  return stepped;
}

}  // namespace causeway::sim
