#include "tools/wan-emulator/link.h"

#include <cmath>

#include "engine/base/assert.h"

namespace causeway {
namespace {

// Two streams of chances of one seed: what loss is set to does not change
// which frames jitter hits.
constexpr uint64_t kSecondStream = 0x9e3779b97f4a7c15;

}  // namespace

Link::Link(size_t frames_max, uint64_t seed)
    : queue_limit_(queue_limit(settings_)),
      loss_(seed),
      random_(seed ^ kSecondStream),
      queue_(frames_max),
      flight_(frames_max) {
  CAUSEWAY_ASSERT(frames_max > 0);
}

void Link::set(Instant now, const LinkSettings& settings) {
  CAUSEWAY_ASSERT(settings.jitter <= settings.delay);
  advance(now);
  const uint64_t old_rate = settings_.rate_bits_s;
  const uint64_t new_rate = settings.rate_bits_s;
  settings_ = settings;
  queue_limit_ = queue_limit(settings);
  loss_.set(settings.loss);
  if (new_rate == old_rate) return;
  sent_remainder_ = 0;
  if (queue_size_ == 0) return;
  CAUSEWAY_ASSERT(old_rate > 0 && sent_at_ > now);
  const double left_ns = static_cast<double>((sent_at_ - now).count()) *
                         static_cast<double>(old_rate);
  sent_at_ =
      new_rate == 0
          ? now
          : now +
                Duration(std::llround(left_ns / static_cast<double>(new_rate)));
}

}  // namespace causeway
