#include <algorithm>
#include <cstring>

#include "tools/wan-emulator/direction.h"

namespace causeway {
namespace {

// Stamps that are further off come of a step of the system's clock. A frame
// may be younger than the look at the clock before the first of its burst.
constexpr Duration kStampAgeMax = std::chrono::seconds(10);
constexpr Duration kStampAheadMax = std::chrono::milliseconds(10);

}  // namespace

size_t Direction::receive(Instant now, Duration wall_offset) {
  RingFrame frame;
  size_t count = 0;
  while (count < kReceiveBurst && from_->front(&frame)) {
    // By the kernel's stamp, so that a late emulator is no longer link.
    Instant came(frame.came - wall_offset);
    if (came > now + kStampAheadMax || came + kStampAgeMax < now) came = now;
    last_came_ = std::max(last_came_, came);
    take_in(frame, last_came_);
    from_->pop();
    ++count;
  }
  return count;
}

void Direction::take_in(const RingFrame& frame, Instant came) {
  if (frame.refused || frame.bytes > to_->frame_bytes_max()) {
    ++troubles_.refused_frames;
    return;
  }
  const uint32_t slot = pool_.take();
  if (slot == FramePool::kNone) {
    ++troubles_.no_memory_frames;
    return;
  }
  if (!link_.offer(came, slot, frame.bytes)) {
    pool_.put(slot);
    return;
  }
  std::byte* copy = pool_.data(slot);
  std::memcpy(copy, frame.data, kFrameHeadBytes + frame.bytes);
  // What says how the sender checked it is not for the receiver.
  FrameHead head;
  std::memcpy(&head, copy, sizeof(head));
  head.flags &= FrameHead::kNeedsChecksum;
  std::memcpy(copy, &head, sizeof(head));
}

size_t Direction::deliver(Instant now) {
  std::array<Arrival, kSendBurst> arrivals;
  const size_t taken = link_.take(now, arrivals);
  std::array<FrameToSend, kSendBurst> frames;
  due_count_ = 0;
  for (size_t i = 0; i < taken; ++i) {
    if (arrivals[i].lost) continue;
    frames[due_count_] = {pool_.data(arrivals[i].slot), arrivals[i].bytes};
    due_[due_count_++] = arrivals[i].due;
  }
  if (due_count_ > 0) {
    troubles_.send_failures += to_->send(std::span(frames).first(due_count_));
  }
  for (size_t i = 0; i < taken; ++i) pool_.put(arrivals[i].slot);
  return taken;
}

}  // namespace causeway
