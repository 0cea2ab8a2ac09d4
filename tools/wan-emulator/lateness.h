// Lateness: how much later than they were due frames have left the emulator.
// Bounded error: a value is known to an eighth of itself. One thread; add()
// allocates nothing.
#pragma once

#include <array>
#include <cstdint>

#include "engine/base/time.h"

namespace causeway {

class Lateness {
 public:
  // Later than `limit` is late.
  explicit Lateness(Duration limit) : limit_(limit) {}

  void add(Duration late);

  uint64_t frames() const { return frames_; }
  uint64_t late_frames() const { return late_frames_; }
  Duration limit() const { return limit_; }
  Duration max() const { return max_; }
  // So much or less for this share of the frames (0 to 1); zero without any.
  Duration quantile(double share) const;

 private:
  // Eight steps a power of two, from 1 us to 2^32 us.
  static constexpr int kSteps = 8;
  static constexpr int kBuckets = 33 * kSteps;
  static int bucket_of(uint64_t us);
  static uint64_t upper_us(int bucket);

  std::array<uint64_t, kBuckets> counts_{};
  Duration limit_;
  Duration max_{};
  uint64_t frames_ = 0;
  uint64_t late_frames_ = 0;
};

}  // namespace causeway
