#include "tools/wan-emulator/lateness.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace causeway {

// The first eight hold one value each; above, three bits behind the highest
// one tell the step.
int Lateness::bucket_of(uint64_t us) {
  if (us < kSteps) return static_cast<int>(us);
  const int power = std::bit_width(us) - 1;
  const auto step = static_cast<int>((us >> (power - 3)) & (kSteps - 1));
  return std::min((power - 2) * kSteps + step, kBuckets - 1);
}

uint64_t Lateness::upper_us(int bucket) {
  if (bucket < kSteps) return static_cast<uint64_t>(bucket);
  const int power = bucket / kSteps + 2;
  const auto step = static_cast<uint64_t>(bucket % kSteps);
  return ((kSteps + step + 1) << (power - 3)) - 1;
}

void Lateness::add(Duration late) {
  late = std::max(late, Duration::zero());
  ++frames_;
  if (late > limit_) ++late_frames_;
  max_ = std::max(max_, late);
  ++counts_[static_cast<size_t>(
      bucket_of(static_cast<uint64_t>(late.count()) / 1000))];
}

Duration Lateness::quantile(double share) const {
  if (frames_ == 0) return {};
  const auto wanted = std::max<uint64_t>(
      1,
      static_cast<uint64_t>(std::ceil(share * static_cast<double>(frames_))));
  uint64_t seen = 0;
  for (int bucket = 0; bucket < kBuckets; ++bucket) {
    seen += counts_[static_cast<size_t>(bucket)];
    if (seen < wanted) continue;
    return std::min<Duration>(max_,
                              std::chrono::microseconds(upper_us(bucket) + 1));
  }
  return max_;
}

}  // namespace causeway
