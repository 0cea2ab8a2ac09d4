#include "engine/runtime/driver.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>

#include "engine/base/assert.h"
#include "engine/runtime/clock.h"

namespace causeway {
namespace {

timespec to_timespec(Duration duration) {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(duration);
  return {whole.count(), static_cast<long>((duration - whole).count())};
}

}  // namespace

void Driver::add(Stepper& stepper) {
  steppers_.push_back(&stepper);
  waiting_.reserve(1 + steppers_.size() * WaitSet::kFdsMax);
}

void Driver::run(const Stepper* last) {
  while (!finished(last)) {
    const Instant wanted = step_all();
    if (finished(last)) return;
    if (wanted > monotonic_now()) sleep(wanted);
  }
}

void Driver::stop() {
  stopping_.store(true, std::memory_order_release);
  wake_.notify();
}

bool Driver::finished(const Stepper* last) const {
  if (stopping_.load(std::memory_order_acquire)) return true;
  if (last != nullptr && last->done()) return true;
  return std::all_of(steppers_.begin(), steppers_.end(),
                     [](const Stepper* stepper) { return stepper->done(); });
}

// Returns the earliest time that one of them asks for.
Instant Driver::step_all() {
  Instant earliest = kNever;
  for (Stepper* stepper : steppers_) {
    if (stepper->done()) continue;
    earliest = std::min(earliest, stepper->step(monotonic_now()));
  }
  return earliest;
}

void Driver::sleep(Instant until) {
  waiting_.clear();
  waiting_.push_back({wake_.fd(), POLLIN, 0});
  for (const Stepper* stepper : steppers_) {
    if (stepper->done()) continue;
    WaitSet set;
    stepper->wait_on(set);
    for (const auto& entry : set.entries()) {
      waiting_.push_back({entry.fd, entry.events, 0});
    }
  }
  timespec timeout{};
  if (until != kNever) {
    timeout = to_timespec(std::max(Duration(0), until - monotonic_now()));
  }
  const int ready = ::ppoll(waiting_.data(), waiting_.size(),
                            until == kNever ? nullptr : &timeout, nullptr);
  // A signal is a reason to look around like any other.
  CAUSEWAY_ASSERT(ready >= 0 || errno == EINTR);
}

}  // namespace causeway
