// LaneFlow: what one lane was given and has not acknowledged, and what its
// acknowledgements say about it: rate, delay, whether it stalls. Sequences go
// in and come out in the lane's own order; time is an argument.
//
//   entries_  | acknowledged | posted, on their way ......... | free |
//                            ^ acked()                        ^ posted()
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/base/assert.h"
#include "engine/base/time.h"
#include "engine/path/stripe/limits.h"

namespace causeway {

class LaneFlow {
 public:
  // `records_max`: a power of two, entries on their way at most.
  explicit LaneFlow(uint32_t records_max) : mask_(records_max - 1) {
    CAUSEWAY_ASSERT(records_max > 0 && (records_max & mask_) == 0);
  }

  // A new connection: nothing is on its way and nothing is known. To be called
  // before the first use; allocates then.
  void restart();

  void sent(uint64_t sequence, uint32_t bytes, Instant now);
  // The first `count` of what was posted have landed; calls `each` with the
  // sequences that are newly known to. `count` is within acked()..posted().
  template <typename Each>
  void landed(uint64_t count, Instant now, Each&& each) {
    CAUSEWAY_ASSERT(count >= acked_ && count <= posted_);
    if (count == acked_) return;
    for (; acked_ < count; ++acked_) {
      const Entry& entry = entries_[acked_ & mask_];
      unacked_bytes_ -= entry.bytes;
      delivered_bytes_ += entry.bytes;
      each(entry.sequence);
    }
    learn(entries_[(count - 1) & mask_], now);
  }

  uint64_t posted() const { return posted_; }
  uint64_t acked() const { return acked_; }
  // Of what is on its way: acked() <= index < posted().
  uint64_t sequence_at(uint64_t index) const {
    CAUSEWAY_ASSERT(index >= acked_ && index < posted_);
    return entries_[index & mask_].sequence;
  }
  uint64_t unacked_bytes() const { return unacked_bytes_; }
  uint64_t delivered_bytes() const { return delivered_bytes_; }

  // Whether the lane should be given more now: it is kept busy, and not filled
  // with what another lane could deliver sooner.
  bool has_room() const {
    return posted_ - acked_ <= mask_ && unacked_bytes_ < window_bytes();
  }
  uint64_t window_bytes() const;
  // When `bytes` more, posted now, would be at the other end.
  Duration delivery(uint64_t bytes) const;
  // Nothing was on its way for so long that what is known of the lane may be
  // out of date.
  bool rested(Instant now) const;
  // When silence means that the lane stalls; kNever: nothing is on its way.
  Instant stalls_at(bool urgent) const;

  double bytes_s() const { return rate_ > 0 ? rate_ : kLaneRateUnknown; }
  bool measured() const { return rate_ > 0; }
  // The least that was seen, to the acknowledgement; 0: not known.
  Duration rtt() const { return rtt_; }

 private:
  // What is needed to tell the rate from this one's acknowledgement: as BBR's
  // delivery rate samples (draft-cheng-iccrg-delivery-rate-estimation).
  struct Entry {
    uint64_t sequence = 0;
    uint32_t bytes = 0;
    bool busy = false;  // the lane had as much to do as it may
    Instant sent{};
    Instant first_sent{};    // of the newest that was acknowledged by then
    Instant delivered_at{};  // when that acknowledgement came
    uint64_t delivered = 0;  // bytes, by then
  };
  void learn(const Entry& entry, Instant now);

  std::vector<Entry> entries_;
  uint64_t mask_;
  uint64_t posted_ = 0;
  uint64_t acked_ = 0;
  uint64_t unacked_bytes_ = 0;
  uint64_t delivered_bytes_ = 0;
  Instant delivered_at_{};
  Instant first_sent_{};
  Instant heard_{};  // the last acknowledgement, or the first to wait for one
  double rate_ = 0;
  Duration rtt_{0};
};

}  // namespace causeway
