// Sleeper: one thread sleeps, any thread wakes it. A wake() before the sleep
// is not lost: it ends the next one. No locks, so a signal handler may sleep.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace causeway::lab {

class Sleeper {
 public:
  // Returns early when woken or interrupted by a signal.
  void sleep(std::chrono::microseconds longest);
  void wake();
  bool asleep() const { return asleep_.load(std::memory_order_acquire); }

 private:
  std::atomic<uint32_t> woken_{0};  // a futex word
  std::atomic<bool> asleep_{false};
};

}  // namespace causeway::lab
