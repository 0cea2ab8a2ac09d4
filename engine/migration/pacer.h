// Pacer: holds all senders of a migration together below a byte rate
// (`--bandwidth`). GCRA: one atomic "theoretical arrival time" (ITU-T I.371).
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/base/time.h"

namespace causeway {

class Pacer {
 public:
  // 0 = no limit.
  explicit Pacer(uint64_t bytes_per_s) : bytes_per_s_(bytes_per_s) {}

  // When the next byte may be sent; at or before `now`: at once.
  Instant ready_at() const {
    if (bytes_per_s_ == 0) return Instant::min();
    return Instant(Duration(due_ns_.load(std::memory_order_relaxed))) - kBurst;
  }

  // Any thread.
  void spend(Instant now, uint64_t bytes) {
    if (bytes_per_s_ == 0) return;
    const int64_t cost_ns =
        transfer_time(bytes, static_cast<double>(bytes_per_s_)).count();
    const int64_t now_ns = now.time_since_epoch().count();
    int64_t due_ns = due_ns_.load(std::memory_order_relaxed);
    while (!due_ns_.compare_exchange_weak(
        due_ns, (due_ns < now_ns ? now_ns : due_ns) + cost_ns,
        std::memory_order_relaxed)) {
    }
  }

 private:
  // Covers the jitter of a sleeping thread without a visible burst.
  static constexpr Duration kBurst = std::chrono::milliseconds(2);
  const uint64_t bytes_per_s_;
  std::atomic<int64_t> due_ns_{0};
};

}  // namespace causeway
