// Time as the engine sees it: an argument. Only engine/runtime reads a clock
// (CLOCK_MONOTONIC) and the simulator makes one up.
#pragma once

#include <chrono>
#include <cstdint>

namespace causeway {

using Duration = std::chrono::nanoseconds;

// No now(): nothing in the engine can ask.
struct EngineClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<EngineClock, duration>;
  static constexpr bool is_steady = true;
};

using Instant = EngineClock::time_point;

inline constexpr Instant kNever = Instant::max();

inline double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

inline double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// How long `bytes` take at `bytes_per_s` (> 0).
inline Duration transfer_time(uint64_t bytes, double bytes_per_s) {
  return Duration(
      static_cast<int64_t>(static_cast<double>(bytes) / bytes_per_s * 1e9));
}

}  // namespace causeway
