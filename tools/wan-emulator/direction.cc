#include "tools/wan-emulator/direction.h"

#include <algorithm>
#include <utility>

namespace causeway {

Result<Direction> Direction::create(PacketPort* from, PacketPort* to,
                                    const DirectionOptions& options) {
  const uint32_t frame_bytes =
      std::max(from->frame_bytes_max(), to->frame_bytes_max());
  CAUSEWAY_ASSIGN(
      FramePool pool,
      FramePool::create(kFrameHeadBytes + frame_bytes, options.memory_bytes));
  return Direction(from, to, std::move(pool), options);
}

Direction::Direction(PacketPort* from, PacketPort* to, FramePool pool,
                     const DirectionOptions& options)
    : from_(from),
      to_(to),
      pool_(std::move(pool)),
      link_(pool_.slots(), options.seed),
      lateness_(options.late_limit) {}

void Direction::set(Instant now, const LinkSettings& settings) {
  link_.set(std::max(now, last_came_), settings);
}

void Direction::note_delivered(Instant began, Instant ended) {
  for (size_t i = 0; i < due_count_; ++i) {
    const auto share = static_cast<int64_t>(i + 1);
    const auto count = static_cast<int64_t>(due_count_);
    const Instant sent = began + (ended - began) * share / count;
    lateness_.add(sent - due_[i]);
  }
  due_count_ = 0;
}

}  // namespace causeway
