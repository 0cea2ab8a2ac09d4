#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/path/stripe/striped_bulk_channel.h"

namespace causeway {
namespace {

// What a record costs a lane beside its payload; near enough for any lane.
constexpr uint32_t kRecordHeadBytes = 40;

// Bounds one poll: a lane that takes all at once is served again by the next.
constexpr int kRoundsAPoll = 64;

}  // namespace

// Room in the window, in one piece; nullptr: none. Fills in where.
std::byte* StripedBulkChannel::room_for(size_t bytes, Record& into) {
  const size_t capacity = options_.window_bytes;
  uint64_t at = window_head_;
  const size_t to_end = capacity - at % capacity;
  if (bytes > to_end) at += to_end;
  if (at + bytes - window_tail_ > capacity) return nullptr;
  into.payload_at = at;
  into.window_end = at + bytes;
  return window_.get() + at % capacity;
}

void StripedBulkChannel::add(const Put& put) {
  Record& added = record(head_);
  added.head = put.head;
  added.head.sequence = head_;
  added.lane = kNoLane;
  added.released = added.landed = false;
  window_head_ = added.window_end;
  waiting_bytes_ += kRecordHeadBytes + put.payload.size();
  ++head_;
  fresh_ = true;
}

Result<size_t> StripedBulkChannel::post(std::span<const Put> puts) {
  size_t taken = 0;
  for (; taken < puts.size() && !window_full(); ++taken) {
    const Put& put = puts[taken];
    CAUSEWAY_ASSERT(put.head.payload_bytes == put.payload.size());
    CAUSEWAY_ASSERT(put.payload.size() <= kPutBytesMax);
    std::byte* const room = room_for(put.payload.size(), record(head_));
    if (room == nullptr) break;
    if (!put.payload.empty()) {
      std::memcpy(room, put.payload.data(), put.payload.size());
    }
    add(put);
    ++posted_puts_;
  }
  return taken;
}

Result<bool> StripedBulkChannel::post_fence(FenceId fence) {
  CAUSEWAY_ASSERT(fence > last_fence_);
  if (window_full()) return false;
  Put put;
  put.head.kind = PutKind::kStripeFence;
  put.head.first_block = fence;
  if (room_for(0, record(head_)) == nullptr) return false;
  last_fence_at_ = head_;
  add(put);
  last_fence_ = fence;
  return true;
}

Result<ChannelProgress> StripedBulkChannel::poll(Instant now) {
  fresh_ = false;
  if (board_.stale()) take_lanes();
  if (urgent_.load(std::memory_order_relaxed) != urgency_told_) tell_urgency();
  for (uint8_t i = 0; i < lanes_.size(); ++i) {
    lanes_[i].full = false;
    CAUSEWAY_TRY(poll_lane(i, now));
  }
  for (int round = 0; round < kRoundsAPoll && dispatch(now); ++round) {
    for (uint8_t i = 0; i < lanes_.size(); ++i) {
      CAUSEWAY_TRY(poll_lane(i, now));
    }
  }
  advance_base();
  progress_.wire_bytes = past_wire_bytes_;
  for (const Lane& lane : lanes_) progress_.wire_bytes += lane.wire_bytes;
  if (!no_lane_since_ && !has_lane()) no_lane_since_ = now;
  if (no_lane_since_ &&
      (board_.closed() || now >= *no_lane_since_ + options_.patience)) {
    return *broke_;
  }
  return progress_;
}

// Moves a lane's bytes and takes what it acknowledges. A lane that breaks is
// no Error; a peer that breaks the rules is.
Status StripedBulkChannel::poll_lane(uint8_t index, Instant now) {
  Lane& lane = lanes_[index];
  if (lane.channel == nullptr) return {};
  auto progress = lane.channel->poll(now);
  if (!progress) {
    if (progress.error().code == ErrorCode::kPeerBroken) {
      return std::move(progress).error();
    }
    lane_broke(index, std::move(progress).error());
    return {};
  }
  lane.wire_bytes = progress->wire_bytes;
  count_released(lane, progress->puts_released);
  // A lane's fence has the number of the records before it.
  if (progress->fence_landed <= lane.flow.acked()) return {};
  lane.stalled = lane.pledged = false;
  lane.flow.landed(progress->fence_landed, now, [this](uint64_t sequence) {
    if (sequence < base_) return;
    Record& landed = record(sequence);
    if (landed.lane == kNoLane && !landed.landed) {
      waiting_bytes_ -= kRecordHeadBytes + landed.head.payload_bytes;
    }
    landed.landed = landed.released = true;
  });
  return {};
}

void StripedBulkChannel::count_released(Lane& lane, uint64_t released) {
  // What has landed is out of the lane's queue and released besides.
  uint64_t at = std::max(lane.released, lane.flow.acked());
  for (; at < released; ++at) {
    const uint64_t sequence = lane.flow.sequence_at(at);
    if (sequence >= base_) record(sequence).released = true;
  }
  lane.released = std::max(lane.released, released);
}

// Frees what has landed from the front on, and says so.
void StripedBulkChannel::advance_base() {
  for (; base_ < next_ && record(base_).landed; ++base_) {
    const Record& landed = record(base_);
    window_tail_ = landed.window_end;
    if (landed.head.kind == PutKind::kStripeFence) {
      progress_.fence_landed = landed.head.first_block;
    }
    if (released_to_ > base_) continue;
    released_to_ = base_ + 1;
    if (landed.head.kind != PutKind::kStripeFence) ++released_puts_;
  }
  for (; released_to_ < next_ && record(released_to_).released;
       ++released_to_) {
    const PutKind kind = record(released_to_).head.kind;
    if (kind != PutKind::kStripeFence) ++released_puts_;
  }
  redo_ = std::max(redo_, base_);
  // Who finds the channel full waits for a release: the last put is one only
  // when there is room again.
  const bool has_room = !window_full() && room_for(kPutBytesMax, record(head_));
  progress_.puts_released =
      has_room ? released_puts_ : std::min(released_puts_, posted_puts_ - 1);
}

// What this lane has and has not acknowledged is for the others to send. It may
// still send it, and from a place of the window that has been given to another
// record by then: only once the receiver has the record, and drops the second
// unread.
void StripedBulkChannel::take_back(uint8_t index) {
  const LaneFlow& flow = lanes_[index].flow;
  for (uint64_t at = flow.acked(); at < flow.posted(); ++at) {
    const uint64_t sequence = flow.sequence_at(at);
    if (sequence < base_) continue;
    Record& lost = record(sequence);
    if (lost.landed || lost.lane != index) continue;
    lost.lane = kNoLane;
    waiting_bytes_ += kRecordHeadBytes + lost.head.payload_bytes;
    redo_ = std::min(redo_, sequence);
  }
}

bool StripedBulkChannel::other_flows(uint8_t index) const {
  for (uint8_t i = 0; i < lanes_.size(); ++i) {
    if (i == index) continue;
    if (lanes_[i].channel != nullptr && !lanes_[i].stalled) return true;
  }
  return false;
}

void StripedBulkChannel::watch_stalls(Instant now) {
  for (uint8_t i = 0; i < lanes_.size(); ++i) {
    Lane& lane = lanes_[i];
    if (lane.channel == nullptr || !other_flows(i)) continue;
    const bool stalls =
        !lane.stalled && now >= lane.flow.stalls_at(urgency_told_);
    if (!stalls && !lane.pledged) continue;
    lane.stalled = true;
    lane.pledged = false;
    take_back(i);
  }
}

// The first record that no lane has; nullptr: there is none.
StripedBulkChannel::Record* StripedBulkChannel::next_record() {
  for (; redo_ < next_; ++redo_) {
    Record& each = record(redo_);
    if (redo_ >= base_ && each.lane == kNoLane && !each.landed) return &each;
  }
  return next_ < head_ ? &record(next_) : nullptr;
}

// Gives records and fences to lanes while there are both; whether any was.
bool StripedBulkChannel::dispatch(Instant now) {
  watch_stalls(now);
  bool given = false;
  while (Record* const next = next_record()) {
    const uint8_t lane =
        choose(kRecordHeadBytes + next->head.payload_bytes, now);
    if (lane == kNoLane) break;
    if (!hand_to(lane, *next, now)) continue;
    given = true;
  }
  return post_lane_fences() || given;
}

// Whether a record of so many bytes may go by a lane that may be slow: there
// is more to send, and nobody stands still.
bool StripedBulkChannel::may_try(uint32_t bytes) const {
  return waiting_bytes_ > bytes && !urgency_told_;
}

// The lane that delivers `bytes` first, if it has room. If it has none,
// another one only if that delivers them before the first has delivered all
// that waits: so that all lanes are busy, and none is late in the end.
uint8_t StripedBulkChannel::choose(uint32_t bytes, Instant now) const {
  uint8_t first = kNoLane;
  uint8_t open = kNoLane;
  Duration first_in = Duration::max();
  Duration open_in = Duration::max();
  for (uint8_t i = 0; i < lanes_.size(); ++i) {
    const Lane& lane = lanes_[i];
    if (lane.channel == nullptr || (lane.stalled && other_flows(i))) continue;
    const bool usable = !lane.full && lane.flow.has_room();
    if (usable && lane.flow.rested(now) && may_try(bytes)) return i;
    Duration in = lane.flow.delivery(bytes);
    if (i == last_lane_) in -= kLaneTie;
    if (in < first_in) {
      first = i;
      first_in = in;
    }
    if (in < open_in && usable) {
      open = i;
      open_in = in;
    }
  }
  if (open == kNoLane || open == first) return open;
  if (open_in <= lanes_[first].flow.delivery(waiting_bytes_)) return open;
  return kNoLane;
}

bool StripedBulkChannel::hand_to(uint8_t index, Record& next, Instant now) {
  Lane& lane = lanes_[index];
  const size_t at = next.payload_at % options_.window_bytes;
  const Put put{next.head, {window_.get() + at, next.head.payload_bytes}};
  auto taken = lane.channel->post(std::span(&put, 1));
  // A lane that broke says so again when it is polled.
  if (!taken || *taken == 0) {
    lane.full = true;
    return false;
  }
  const uint32_t bytes = kRecordHeadBytes + next.head.payload_bytes;
  lane.flow.sent(next.head.sequence, bytes, now);
  lane.sent_bytes += bytes;
  waiting_bytes_ -= bytes;
  next.lane = index;
  lane.pledged |= lane.stalled;
  last_lane_ = index;
  if (next.head.sequence == next_) ++next_;
  return true;
}

// A fence behind what has none: when there is enough of it, when a fence of
// the channel waits for it, or when no other is on its way, so that a lane
// always has something to say.
bool StripedBulkChannel::post_lane_fences() {
  bool any = false;
  const bool asked = last_fence_ > progress_.fence_landed;
  for (Lane& lane : lanes_) {
    const uint64_t posted = lane.flow.posted();
    if (lane.channel == nullptr || posted == lane.fenced) continue;
    const bool enough = lane.sent_bytes - lane.fenced_bytes >= kLaneFenceBytes;
    const bool none_under_way = lane.fenced == lane.flow.acked();
    const bool fenced_all = asked && next_ > last_fence_at_;
    if (!enough && !none_under_way && !fenced_all) continue;
    auto fence = lane.channel->post_fence(posted);
    if (!fence || !*fence) continue;  // asked again by the next poll
    lane.fenced = posted;
    lane.fenced_bytes = lane.sent_bytes;
    any = true;
  }
  return any;
}

}  // namespace causeway
