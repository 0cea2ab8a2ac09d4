#include "engine/path/stripe/striped_control_channel.h"

#include <algorithm>

#include "engine/base/assert.h"
#include "engine/base/limits.h"

namespace causeway {
namespace {

bool waits(uint64_t sequence, uint64_t base, size_t count) {
  return sequence >= base && sequence - base < count;
}

}  // namespace

StripedControlChannel::StripedControlChannel(
    std::unique_ptr<ControlLanes> lanes, Duration patience)
    : opener_(std::move(lanes)), patience_(patience), lanes_(kStripeLanesMax) {
  lane_error_ = make_error(ErrorCode::kConnectionLost,
                           "The path has no lane that is up.");
  take_lanes();
}

// What was sent last should still leave, whatever lane dies next.
StripedControlChannel::~StripedControlChannel() {
  queue(FragmentKind::kFarewell, {});
  const bool everywhere = outgoing_bytes_ <= kFarewellBytesMax;
  if (everywhere) next_ = base_;
  for (; next_ - base_ < outgoing_.size(); ++next_) say_at_last(everywhere);
  for (uint32_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i].channel == nullptr) continue;
    lanes_[i].channel.reset();
    opener_->give_back(i);
  }
}

// Sends the piece next_ by a lane, or by every lane that does not have it.
void StripedControlChannel::say_at_last(bool everywhere) {
  const Piece& last = piece(next_);
  if (last.landed || (!everywhere && last.lane != kNoLane)) return;
  for (uint32_t i = 0; i < lanes_.size(); ++i) {
    const Lane& lane = lanes_[i];
    if (lane.channel == nullptr || last.lane == i) continue;
    (void)lane.channel->send(last.encoded);
    if (!everywhere && !lane.stalled) return;
  }
}

void StripedControlChannel::queue(FragmentKind kind,
                                  std::span<const std::byte> bytes) {
  const uint64_t sequence = base_ + outgoing_.size();
  Piece piece;
  piece.kind = kind;
  piece.encoded = encode_fragment({kind, sequence, bytes});
  outgoing_bytes_ += piece.encoded.size();
  outgoing_.push_back(std::move(piece));
}

Status StripedControlChannel::send(std::span<const std::byte> message) {
  if (message.size() > kControlMessageBytesMax) {
    return make_error(ErrorCode::kInvalidArgument,
                      "A control message of {} bytes is longer than {}.",
                      message.size(), kControlMessageBytesMax);
  }
  if (outgoing_bytes_ + message.size() > kControlQueueBytesMax) {
    return make_error(ErrorCode::kTimeout,
                      "The peer does not read its control messages: {} bytes "
                      "wait for it.",
                      outgoing_bytes_);
  }
  do {
    const size_t bytes = std::min(message.size(), kFragmentBytesMax);
    const bool last = bytes == message.size();
    queue(last ? FragmentKind::kLastPiece : FragmentKind::kPiece,
          message.first(bytes));
    message = message.subspan(bytes);
    if (last) break;
  } while (true);
  dispatch();
  return {};
}

void StripedControlChannel::take_lanes() {
  for (auto& opened : opener_->take_new()) {
    Lane& lane = lanes_[opened.lane];
    CAUSEWAY_ASSERT(lane.channel == nullptr);
    lane.channel = std::move(opened.channel);
    lane.channel->set_urgent(urgent_);
    lane.flow.restart();
    lane.received = lane.answered = 0;
    lane.stalled = lane.pledged = false;
    no_lane_since_.reset();
  }
}

void StripedControlChannel::set_urgent(bool urgent) {
  urgent_ = urgent;
  for (Lane& lane : lanes_) {
    if (lane.channel != nullptr) lane.channel->set_urgent(urgent);
  }
}

void StripedControlChannel::lane_broke(uint32_t index, Error error) {
  take_back(index);
  lanes_[index].channel.reset();
  opener_->give_back(index);
  lane_error_ = std::move(error);
}

// What this lane has and has not acknowledged is for the others to send.
void StripedControlChannel::take_back(uint32_t index) {
  const LaneFlow& flow = lanes_[index].flow;
  for (uint64_t at = flow.acked(); at < flow.posted(); ++at) {
    const uint64_t sequence = flow.sequence_at(at);
    if (!waits(sequence, base_, outgoing_.size())) continue;
    Piece& lost = piece(sequence);
    if (lost.landed || lost.lane != index) continue;
    lost.lane = kNoLane;
    next_ = std::min(next_, sequence);
  }
}

bool StripedControlChannel::other_flows(uint32_t index) const {
  for (uint32_t i = 0; i < lanes_.size(); ++i) {
    if (i == index) continue;
    if (lanes_[i].channel != nullptr && !lanes_[i].stalled) return true;
  }
  return false;
}

void StripedControlChannel::watch_stalls() {
  for (uint32_t i = 0; i < lanes_.size(); ++i) {
    Lane& lane = lanes_[i];
    if (lane.channel == nullptr || !other_flows(i)) continue;
    const bool stalls = !lane.stalled && now_ >= lane.flow.stalls_at(urgent_);
    if (!stalls && !lane.pledged) continue;
    lane.stalled = true;
    lane.pledged = false;
    take_back(i);
  }
}

uint32_t StripedControlChannel::choose() const {
  uint32_t best = kNoLane;
  Duration best_in = Duration::max();
  for (uint32_t i = 0; i < lanes_.size(); ++i) {
    const Lane& lane = lanes_[i];
    if (lane.channel == nullptr || !lane.flow.has_room()) continue;
    if (lane.stalled && other_flows(i)) continue;
    const Duration in = lane.flow.delivery(0);
    if (in < best_in) {
      best = i;
      best_in = in;
    }
  }
  return best;
}

void StripedControlChannel::dispatch() {
  for (; next_ - base_ < outgoing_.size(); ++next_) {
    const Piece& next = piece(next_);
    if (next.landed || next.lane != kNoLane) continue;
    while (true) {
      const uint32_t lane = choose();
      if (lane == kNoLane) return;
      if (hand_to(lane, next_)) break;
    }
  }
}

bool StripedControlChannel::hand_to(uint32_t index, uint64_t sequence) {
  Piece& next = piece(sequence);
  Lane& lane = lanes_[index];
  if (Status sent = lane.channel->send(next.encoded); !sent) {
    lane_broke(index, sent.error());
    return false;
  }
  lane.flow.sent(sequence, static_cast<uint32_t>(next.encoded.size()), now_);
  next.lane = index;
  lane.pledged |= lane.stalled;
  return true;
}

Result<StripedControlChannel::Message> StripedControlChannel::receive(
    Instant now) {
  now_ = std::max(now_, now);
  if (opener_->any_new()) take_lanes();
  if (whole_.empty()) CAUSEWAY_TRY(read_lanes());
  watch_stalls();
  dispatch();
  if (!whole_.empty()) {
    Message message(std::move(whole_.front()));
    whole_.pop_front();
    return message;
  }
  if (farewell_) {
    return make_error(ErrorCode::kConnectionLost,
                      "The peer closed the connection.");
  }
  const bool none =
      std::all_of(lanes_.begin(), lanes_.end(),
                  [](const Lane& lane) { return lane.channel == nullptr; });
  if (none && !no_lane_since_) no_lane_since_ = now_;
  if (no_lane_since_ &&
      (opener_->closed() || now_ >= *no_lane_since_ + patience_)) {
    return *lane_error_;
  }
  return Message();
}

Status StripedControlChannel::read_lanes() {
  for (uint32_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i].channel == nullptr) continue;
    CAUSEWAY_TRY(read_lane(i));
    answer(i);
  }
  return {};
}

// All that is there, up to the end of a message: what nobody takes stays with
// the lane, and the peer is not acknowledged more.
Status StripedControlChannel::read_lane(uint32_t index) {
  Lane& lane = lanes_[index];
  while (whole_.empty()) {
    auto message = lane.channel->receive(now_);
    if (!message) {
      if (message.error().code == ErrorCode::kPeerBroken) {
        return std::move(message).error();
      }
      lane_broke(index, std::move(message).error());
      return {};
    }
    if (!*message) return {};
    CAUSEWAY_ASSIGN(const Fragment fragment, decode_fragment(**message));
    CAUSEWAY_TRY(take(index, fragment));
  }
  return {};
}

Status StripedControlChannel::take(uint32_t index, const Fragment& fragment) {
  Lane& lane = lanes_[index];
  if (fragment.kind != FragmentKind::kReceived) {
    ++lane.received;
    return take_piece(fragment);
  }
  if (fragment.number <= lane.flow.acked() ||
      fragment.number > lane.flow.posted()) {
    return make_error(ErrorCode::kPeerBroken,
                      "The peer acknowledged {} pieces of a lane; it had {} "
                      "and was sent {}.",
                      fragment.number, lane.flow.acked(), lane.flow.posted());
  }
  take_received(index, fragment.number);
  return {};
}

void StripedControlChannel::take_received(uint32_t index, uint64_t count) {
  lanes_[index].stalled = lanes_[index].pledged = false;
  lanes_[index].flow.landed(count, now_, [this](uint64_t sequence) {
    if (waits(sequence, base_, outgoing_.size())) piece(sequence).landed = true;
  });
  for (; !outgoing_.empty() && outgoing_.front().landed; ++base_) {
    outgoing_bytes_ -= outgoing_.front().encoded.size();
    outgoing_.pop_front();
  }
  next_ = std::max(next_, base_);
}

// Bounded by what a sender keeps: kControlQueueBytesMax, in kFragmentsMax on
// the way of each lane.
Status StripedControlChannel::take_piece(const Fragment& fragment) {
  if (fragment.number < expected_ || incoming_.count(fragment.number) > 0) {
    return {};
  }
  incoming_bytes_ += Fragment::kHeadBytes + fragment.bytes.size();
  const bool too_far =
      fragment.number - expected_ > kStripeLanesMax * kFragmentsMax;
  if (too_far || incoming_bytes_ > kControlQueueBytesMax + kFragmentBytesMax) {
    return make_error(ErrorCode::kPeerBroken,
                      "The peer sent more pieces of control messages than "
                      "may be on their way.");
  }
  incoming_[fragment.number] = {fragment.kind,
                                {fragment.bytes.begin(), fragment.bytes.end()}};
  return join_pieces();
}

Status StripedControlChannel::join_pieces() {
  while (!incoming_.empty() && incoming_.begin()->first == expected_) {
    Incoming next = std::move(incoming_.begin()->second);
    incoming_.erase(incoming_.begin());
    incoming_bytes_ -= Fragment::kHeadBytes + next.bytes.size();
    ++expected_;
    if (next.kind == FragmentKind::kFarewell) {
      farewell_ = true;
      continue;
    }
    if (partial_.size() + next.bytes.size() > kControlMessageBytesMax) {
      return make_error(ErrorCode::kPeerBroken,
                        "The peer sends a control message of more than {} "
                        "bytes.",
                        kControlMessageBytesMax);
    }
    partial_.insert(partial_.end(), next.bytes.begin(), next.bytes.end());
    if (next.kind != FragmentKind::kLastPiece) continue;
    whole_.push_back(std::exchange(partial_, {}));
  }
  return {};
}

void StripedControlChannel::answer(uint32_t index) {
  Lane& lane = lanes_[index];
  if (lane.channel == nullptr || lane.received == lane.answered) return;
  const auto encoded =
      encode_fragment({FragmentKind::kReceived, lane.received, {}});
  if (Status sent = lane.channel->send(encoded); !sent) {
    // A peer that does not read is not answered; one that is gone shows again.
    return;
  }
  lane.answered = lane.received;
}

Instant StripedControlChannel::wait_on(WaitSet& set) const {
  set.add(opener_->fd(), /*POLLIN*/ 1);
  if (opener_->any_new() || !whole_.empty() || farewell_) return Instant();
  Instant due = kNever;
  for (uint32_t i = 0; i < lanes_.size(); ++i) {
    const Lane& lane = lanes_[i];
    if (lane.channel == nullptr) continue;
    due = std::min(due, lane.channel->wait_on(set));
    if (!lane.stalled && other_flows(i)) {
      due = std::min(due, lane.flow.stalls_at(urgent_));
    }
  }
  if (no_lane_since_) due = std::min(due, *no_lane_since_ + patience_);
  return due;
}

}  // namespace causeway
