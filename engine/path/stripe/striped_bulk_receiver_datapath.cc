#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/path/stripe/striped_bulk_receiver.h"

namespace causeway {
namespace {

Error closed_early() {
  return make_error(ErrorCode::kConnectionLost,
                    "The peer closed the path in mid-put.");
}

}  // namespace

Result<std::span<std::byte>> StripedBulkReceiver::LaneSink::begin(
    const PutHead& head) {
  if (Status status = owner_.check(head); !status) {
    owner_.refused_ = status.error();
    return std::move(status).error();
  }
  return std::span(place_.get(), head.payload_bytes);
}

Status StripedBulkReceiver::LaneSink::end(const PutHead& head) {
  Status status = owner_.take(head, {place_.get(), head.payload_bytes});
  if (!status) owner_.refused_ = status.error();
  return status;
}

Status StripedBulkReceiver::LaneSink::written(const PutHead&) {
  return make_error(ErrorCode::kInternal,
                    "no device writes what comes on a lane");
}

Status StripedBulkReceiver::check(const PutHead& head) const {
  if (head.sequence == 0 || head.payload_bytes > kPutBytesMax) {
    return make_error(ErrorCode::kPeerBroken,
                      "A put on a striped path has no sequence.");
  }
  if (head.sequence >= floor_ + kStripeRecordsMax) {
    return make_error(ErrorCode::kPeerBroken,
                      "A put has sequence {}, and {} has not come: the window "
                      "is {}.",
                      head.sequence, floor_, kStripeRecordsMax);
  }
  return {};
}

// A record is whole: what has come before is dropped.
Status StripedBulkReceiver::take(const PutHead& head,
                                 std::span<const std::byte> payload) {
  if (seen(head.sequence)) {
    ++duplicates_;
    return {};
  }
  if (head.kind == PutKind::kStripeFence) {
    fences_[head.sequence % kStripeRecordsMax] = head.first_block;
  } else {
    PutHead put = head;
    put.sequence = 0;
    CAUSEWAY_ASSIGN(const std::span<std::byte> place, sink_.begin(put));
    CAUSEWAY_ASSERT(place.size() == payload.size());
    if (!payload.empty()) {
      std::memcpy(place.data(), payload.data(), payload.size());
    }
    CAUSEWAY_TRY(sink_.end(put));
  }
  seen_[head.sequence % kStripeRecordsMax] = true;
  ++above_;
  return advance_floor();
}

Status StripedBulkReceiver::advance_floor() {
  for (; seen_[floor_ % kStripeRecordsMax]; ++floor_, --above_) {
    seen_[floor_ % kStripeRecordsMax] = false;
    const FenceId fence =
        std::exchange(fences_[floor_ % kStripeRecordsMax], FenceId{0});
    if (fence == 0) continue;
    if (fence <= fence_landed_) {
      return make_error(ErrorCode::kPeerBroken, "Fence {} came after fence {}.",
                        fence, fence_landed_);
    }
    fence_landed_ = fence;
  }
  return {};
}

Result<bool> StripedBulkReceiver::poll_lanes(Instant now) {
  if (board_.stale()) take_lanes();
  bool moved = false;
  bool open = false;
  bool any = false;
  for (Lane& lane : lanes_) {
    if (lane.receiver == nullptr) continue;
    CAUSEWAY_ASSIGN(const bool lane_moved, poll_lane(lane, now));
    moved |= lane_moved;
    if (lane.receiver == nullptr) continue;
    any = true;
    open |= !lane.closed;
  }
  if (any && !open) {
    if (above_ > 0) return closed_early();
    closed_ = true;
  }
  if (!any && !no_lane_since_) no_lane_since_ = now;
  if (no_lane_since_ &&
      (board_.closed() || now >= *no_lane_since_ + patience_)) {
    return *lane_error_;
  }
  return moved;
}

// A lane that breaks is no Error; a peer that breaks the rules is.
Result<bool> StripedBulkReceiver::poll_lane(Lane& lane, Instant now) {
  if (lane.closed) return false;
  auto moved = lane.receiver->poll(now);
  if (refused_) return *refused_;
  if (!moved) {
    if (moved.error().code == ErrorCode::kPeerBroken) return moved;
    lane_broke(lane, std::move(moved).error());
    return true;
  }
  lane.closed = lane.receiver->closed();
  return moved;
}

}  // namespace causeway
