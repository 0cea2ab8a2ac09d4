#include <algorithm>

#include "engine/path/stripe/lane_flow.h"

namespace causeway {
namespace {

// A sample above the estimate is taken by half, one below by an eighth: there
// are about eight of them a window, and a lane that looks too slow is given
// too little to show better.
constexpr double kUp = 0.5;
constexpr double kDown = 0.125;

}  // namespace

void LaneFlow::sent(uint64_t sequence, uint32_t bytes, Instant now) {
  CAUSEWAY_ASSERT(posted_ - acked_ <= mask_);
  if (posted_ == acked_) {
    heard_ = delivered_at_ = first_sent_ = now;
  }
  unacked_bytes_ += bytes;
  Entry& entry = entries_[posted_++ & mask_];
  entry.sequence = sequence;
  entry.bytes = bytes;
  entry.busy = 2 * unacked_bytes_ >= window_bytes();
  entry.sent = now;
  entry.first_sent = first_sent_;
  entry.delivered_at = delivered_at_;
  entry.delivered = delivered_bytes_;
}

void LaneFlow::learn(const Entry& entry, Instant now) {
  const Duration round_trip = now - entry.sent;
  if (rtt_ == Duration(0) || round_trip < rtt_) {
    rtt_ = std::max(round_trip, Duration(1));
  }
  // Neither faster than it was sent nor than it was acknowledged: answers that
  // come in a bunch say nothing about the rate.
  const Duration took =
      std::max(now - entry.delivered_at, entry.sent - entry.first_sent);
  heard_ = delivered_at_ = now;
  first_sent_ = entry.sent;
  if (took <= Duration(0)) return;
  const double sample =
      static_cast<double>(delivered_bytes_ - entry.delivered) / seconds(took);
  if (rate_ == 0) {
    // A lane that had little to do could not show what it can.
    if (entry.busy || sample > kLaneRateUnknown) rate_ = sample;
  } else if (sample > rate_) {
    rate_ += kUp * (sample - rate_);
  } else if (entry.busy) {
    rate_ -= kDown * (rate_ - sample);
  }
}

uint64_t LaneFlow::window_bytes() const {
  return kLaneWindowBytesMin +
         static_cast<uint64_t>(2 * bytes_s() * seconds(rtt_));
}

// What is on its way has partly been delivered already: half a round trip's
// worth, once the lane is full.
Duration LaneFlow::delivery(uint64_t bytes) const {
  const Duration queued = transfer_time(unacked_bytes_ + bytes, bytes_s());
  const Duration alone = transfer_time(bytes, bytes_s());
  return std::max(queued - rtt_ / 2, alone + rtt_ / 2);
}

bool LaneFlow::rested(Instant now) const {
  return posted_ == acked_ && now >= heard_ + kLaneRestMax;
}

Instant LaneFlow::stalls_at(bool urgent) const {
  if (posted_ == acked_) return kNever;
  const Duration explained = rtt_ + transfer_time(unacked_bytes_, bytes_s());
  const Duration least = urgent ? kLaneStallUrgent : kLaneStallMin;
  return heard_ + std::clamp<Duration>(kLaneStallFactor * explained, least,
                                       kLaneStallMax);
}

}  // namespace causeway
