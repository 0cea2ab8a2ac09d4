#include "hypervisor-shim/lab/first_run.h"

#include <algorithm>

#include "engine/runtime/clock.h"

namespace causeway::lab {

void FirstRun::forget() {
  const std::lock_guard lock(mutex_);
  at_ = kNever;
}

void FirstRun::note() {
  const Instant now = monotonic_now();
  const std::lock_guard lock(mutex_);
  if (at_ == kNever) noted_.notify_one();
  at_ = std::min(at_, now);
}

Instant FirstRun::await() {
  std::unique_lock lock(mutex_);
  noted_.wait(lock, [this] { return at_ != kNever; });
  return at_;
}

}  // namespace causeway::lab
