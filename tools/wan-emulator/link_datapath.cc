#include <algorithm>

#include "engine/base/assert.h"
#include "tools/wan-emulator/limits.h"
#include "tools/wan-emulator/link.h"

namespace causeway {

bool Link::later(const Flying& a, const Flying& b) {
  if (a.arrival.due != b.arrival.due) return a.arrival.due > b.arrival.due;
  return a.number > b.number;
}

bool Link::offer(Instant now, uint32_t slot, uint32_t bytes) {
  CAUSEWAY_ASSERT(bytes > 0 && bytes <= kFrameBytesMax);
  CAUSEWAY_ASSERT(frames() < queue_.size());
  advance(now);
  ++counters_.offered_frames;
  counters_.offered_bytes += bytes;
  // An idle link takes any frame, however small its queue is.
  if (queue_size_ > 0 && queue_bytes_ + bytes > queue_limit_) {
    ++counters_.queue_dropped_frames;
    counters_.queue_dropped_bytes += bytes;
    return false;
  }
  size_t tail = queue_head_ + queue_size_;
  if (tail >= queue_.size()) tail -= queue_.size();
  queue_[tail] = {now, slot, bytes};
  ++queue_size_;
  queue_bytes_ += bytes;
  counters_.queue_bytes_max = std::max(counters_.queue_bytes_max, queue_bytes_);
  if (queue_size_ == 1) begin_sending();
  return true;
}

// Sets when the head of the queue will have been sent.
void Link::begin_sending() {
  const Waiting& head = queue_[queue_head_];
  if (head.came > sent_at_) {
    sent_at_ = head.came;
    sent_remainder_ = 0;
  }
  const uint64_t rate = settings_.rate_bits_s;
  if (rate == 0) return;
  const uint64_t work = head.bytes * 8ull * 1'000'000'000 + sent_remainder_;
  sent_at_ += Duration(static_cast<int64_t>(work / rate));
  sent_remainder_ = work % rate;
}

void Link::advance(Instant now) {
  while (queue_size_ > 0 && sent_at_ <= now) {
    const Waiting sent = queue_[queue_head_];
    if (++queue_head_ == queue_.size()) queue_head_ = 0;
    --queue_size_;
    queue_bytes_ -= sent.bytes;
    launch(sent);
    if (queue_size_ > 0) begin_sending();
  }
}

void Link::launch(const Waiting& frame) {
  ++counters_.carried_frames;
  counters_.carried_bytes += frame.bytes;
  const bool lost = loss_.loses_next();
  if (lost) {
    ++counters_.lost_frames;
    counters_.lost_bytes += frame.bytes;
  }
  CAUSEWAY_ASSERT(flight_size_ < flight_.size());
  flight_[flight_size_++] = {{frame.slot, frame.bytes, arrival_of_next(), lost},
                             next_number_++};
  std::push_heap(flight_.data(), flight_.data() + flight_size_, later);
}

Instant Link::arrival_of_next() {
  Duration delay = settings_.delay;
  if (settings_.jitter > Duration::zero()) {
    const auto range = static_cast<uint64_t>(2 * settings_.jitter.count() + 1);
    delay +=
        Duration(static_cast<int64_t>(random_() % range)) - settings_.jitter;
  }
  const Instant due = std::max(sent_at_ + delay, last_in_order_);
  if (settings_.reorder > 0 && happens(random_, settings_.reorder)) {
    ++counters_.reordered_frames;
    return due + settings_.reorder_by;
  }
  last_in_order_ = due;
  return due;
}

size_t Link::take(Instant now, std::span<Arrival> out) {
  advance(now);
  size_t taken = 0;
  while (taken < out.size() && flight_size_ > 0 &&
         flight_[0].arrival.due <= now) {
    std::pop_heap(flight_.data(), flight_.data() + flight_size_, later);
    const Arrival& arrival = flight_[--flight_size_].arrival;
    if (!arrival.lost) {
      ++counters_.delivered_frames;
      counters_.delivered_bytes += arrival.bytes;
    }
    out[taken++] = arrival;
  }
  return taken;
}

Instant Link::next_arrival() const {
  Instant next = kNever;
  if (queue_size_ > 0) next = sent_at_ + settings_.delay - settings_.jitter;
  if (flight_size_ > 0) next = std::min(next, flight_[0].arrival.due);
  return next;
}

}  // namespace causeway
