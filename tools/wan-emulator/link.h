// Link: one direction of an emulated link, in the time that its caller says.
//
//   offer ─► queue (bytes) ─► sender (rate) ─► loss ─► flight (delay) ─► take
//
// A frame that finds the queue full is dropped at the door. What is lost is
// lost behind the sender, so that it has cost the rate, and comes out of
// take() with the others, marked. Order is kept, whatever jitter and changes
// of the delay do, but for the frames that reordering holds back.
//
// Knows frames by number (`slot`) and length only; their bytes are the
// caller's. One thread; no clock, and no allocation after construction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "engine/base/time.h"
#include "tools/wan-emulator/link_settings.h"
#include "tools/wan-emulator/loss_model.h"

namespace causeway {

struct LinkCounters {
  uint64_t offered_frames = 0;
  uint64_t offered_bytes = 0;
  uint64_t queue_dropped_frames = 0;
  uint64_t queue_dropped_bytes = 0;
  // Have left the sender: what the link's rate was spent on, losses included.
  uint64_t carried_frames = 0;
  uint64_t carried_bytes = 0;
  uint64_t lost_frames = 0;
  uint64_t lost_bytes = 0;
  uint64_t reordered_frames = 0;
  uint64_t delivered_frames = 0;
  uint64_t delivered_bytes = 0;
  uint64_t queue_bytes_max = 0;  // seen
};

// A frame at the end of the link.
struct Arrival {
  uint32_t slot = 0;
  uint32_t bytes = 0;
  Instant due;
  bool lost = false;
};

class Link {
 public:
  // `frames_max`: as many may be within at once; whoever offers more breaks
  // the contract. Unlimited and without delay until set() is called.
  Link(size_t frames_max, uint64_t seed);

  // From `now`, not before the last offer, on. A frame that is being sent goes
  // on at the new rate; what has left the sender keeps its time of arrival.
  void set(Instant now, const LinkSettings& settings);
  const LinkSettings& settings() const { return settings_; }

  // A frame of `bytes` (at most kFrameBytesMax) that came at `now`, which may
  // be before the last take(), never before the last offer. False: the queue
  // was full, the slot is the caller's again.
  bool offer(Instant now, uint32_t slot, uint32_t bytes);

  // Puts what has arrived by `now` into `out`, in order of arrival; the slots
  // are the caller's again. Fewer than there is room for: there are no more.
  size_t take(Instant now, std::span<Arrival> out);

  // Before this nothing arrives, as far as is known now; kNever when empty.
  Instant next_arrival() const;

  size_t frames() const { return queue_size_ + flight_size_; }
  uint64_t queue_bytes() const { return queue_bytes_; }
  const LinkCounters& counters() const { return counters_; }

 private:
  struct Waiting {
    Instant came;
    uint32_t slot = 0;
    uint32_t bytes = 0;
  };
  struct Flying {
    Arrival arrival;
    uint64_t number = 0;  // in order of sending
  };
  static bool later(const Flying& a, const Flying& b);

  void advance(Instant now);
  void begin_sending();
  void launch(const Waiting& frame);
  Instant arrival_of_next();

  LinkSettings settings_;
  uint64_t queue_limit_ = 0;
  LossModel loss_;
  std::mt19937_64 random_;  // of jitter and reordering
  LinkCounters counters_;

  // A ring; the frame at its head is being sent until sent_at_.
  std::vector<Waiting> queue_;
  size_t queue_head_ = 0;
  size_t queue_size_ = 0;
  uint64_t queue_bytes_ = 0;
  Instant sent_at_;  // of the head; of the last one when the queue is empty
  // What sent_at_ leaves out of a nanosecond, in units of 1 / rate ns, so that
  // the rate comes out exactly over any number of frames.
  uint64_t sent_remainder_ = 0;

  std::vector<Flying> flight_;  // a heap, the first to arrive on top
  size_t flight_size_ = 0;
  uint64_t next_number_ = 0;
  Instant last_in_order_;  // no frame arrives before one sent earlier
};

}  // namespace causeway
