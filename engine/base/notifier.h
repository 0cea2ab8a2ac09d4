// Notifier: wakes another thread that sleeps on fd() (an eventfd).
#pragma once

#include <atomic>

#include "engine/base/unique_fd.h"

namespace causeway {

class Notifier {
 public:
  Notifier();
  void notify() const;  // any thread
  // The sleeper, before it looks at what was left for it. No system call when
  // nobody notified: workers do this every step.
  void drain() const;
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  // Set after the eventfd, so that a readable fd is never left undrained.
  mutable std::atomic<bool> notified_{false};
};

}  // namespace causeway
