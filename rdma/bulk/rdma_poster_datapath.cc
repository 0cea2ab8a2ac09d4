// The poster's data path: no allocation, no log, no clock. Registrations are
// asked for in rdma_poster.cc.
#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"
#include "rdma/bulk/rdma_poster.h"

namespace causeway {

void RdmaPoster::push(const Put& put) {
  CAUSEWAY_ASSERT(!full());
  CAUSEWAY_ASSERT(put.head.payload_bytes == put.payload.size());
  item(head_++) = {put, 0, 0};
  waiting_bytes_ += put.payload.size();
}

void RdmaPoster::push_fence(FenceId fence) {
  CAUSEWAY_ASSERT(!full());
  item(head_++) = {{}, fence, 0};
  ++fences_waiting_;
}

Duration RdmaPoster::silence_max() const {
  return urgent_.load(std::memory_order_relaxed) ? kRdmaUrgentSilenceMax
                                                 : kRdmaSilenceMax;
}

Result<bool> RdmaPoster::poll(Instant now) {
  CAUSEWAY_ASSIGN(const bool moved, move(now));
  if (moved) return true;
  if (is_unacknowledged() && now - acknowledged_at_ >= silence_max()) {
    return make_error(ErrorCode::kConnectionLost,
                      "{} has acknowledged nothing for {:.1f} s", peer(),
                      seconds(now - acknowledged_at_));
  }
  // What comes in between may leave nothing but kSent to wait for.
  for (bool any = false;;) {
    const bool sent_too = waits_for_device_;
    CAUSEWAY_TRY(endpoint_->arm(sent_too));
    CAUSEWAY_ASSIGN(const bool again, move(now));
    any |= again;
    if (sent_too || !waits_for_device_) return any;
  }
}

Instant RdmaPoster::wait_on(WaitSet& set) const {
  endpoint_->wait_on(set);
  return is_unacknowledged() ? acknowledged_at_ + silence_max() : kNever;
}

Result<bool> RdmaPoster::move(Instant now) {
  const uint32_t out = requests_out_;
  CAUSEWAY_ASSIGN(bool moved, take_completions());
  if (requests_out_ < out || requests_out_ == 0) acknowledged_at_ = now;
  CAUSEWAY_TRY(ask_ahead());
  waits_for_device_ = false;
  for (;;) {
    CAUSEWAY_ASSIGN(const bool sent, send_message());
    if (!sent) return moved;
    moved = true;
  }
}

// Whether an answer came.
Result<bool> RdmaPoster::take_completions() {
  bool answered = false;
  for (;;) {
    std::array<RdmaCompletion, 16> done;
    CAUSEWAY_ASSIGN(const size_t found, endpoint_->poll(done));
    if (found == 0) return answered;
    for (const RdmaCompletion& one : std::span(done).first(found)) {
      if (one.kind == RdmaCompletion::Kind::kSent) {
        Sent& message = sent_[one.buffer];
        message.with_device = false;
        requests_out_ -= message.requests;
        continue;
      }
      CAUSEWAY_TRY(
          take_answer(endpoint_->incoming(one.buffer).first(one.bytes)));
      CAUSEWAY_TRY(endpoint_->take_again(one.buffer));
      answered = true;
    }
  }
}

Status RdmaPoster::take_answer(std::span<const std::byte> answer) {
  CAUSEWAY_ASSIGN(RdmaAnswerReader reader, RdmaAnswerReader::open(answer));
  if (reader.taken() <= taken_ || reader.taken() > last_message_) {
    return make_error(ErrorCode::kPeerBroken,
                      "{} answers message {}; {} were sent and {} answered",
                      peer(), reader.taken(), last_message_, taken_);
  }
  while (reader.left() > 0) {
    CAUSEWAY_ASSIGN(const RdmaKey key, reader.next());
    CAUSEWAY_TRY(extents_.take_key(key));
  }
  note_taken(reader.taken());
  return {};
}

void RdmaPoster::note_taken(uint64_t taken) {
  if (taken == taken_) return;
  taken_ = taken;
  staging_.free_until(sent(taken).staged_until);
  for (; tail_ < next_ && item(tail_).message <= taken; ++tail_) {
    const Item& landed = item(tail_);
    if (landed.fence != 0) {
      fence_landed_ = landed.fence;
    } else {
      ++puts_landed_;
    }
  }
}

// A message costs a doorbell and an answer: while some are on their way, the
// next waits for enough to say.
bool RdmaPoster::worth_sending() const {
  if (next_ == head_) return false;
  return last_message_ - taken_ < 2 || fences_waiting_ > 0 ||
         waiting_bytes_ >= kRdmaMessageWriteBytes ||
         head_ - next_ >= kRdmaRecordsMax;
}

Result<bool> RdmaPoster::send_message() {
  if (extents_.errands().empty() && !worth_sending()) return false;
  if (last_message_ - taken_ >= messages_max_) return false;
  const uint64_t number = last_message_ + 1;
  Sent& message = sent(number);
  if (message.with_device ||
      requests_out_ + writes_max_ + 1 > endpoint_->depths().requests) {
    waits_for_device_ = true;
    return false;
  }
  const auto buffer = static_cast<uint32_t>(number % sent_.size());
  RdmaMessageWriter writer(endpoint_->outgoing(buffer), number);
  write_count_ = 0;
  write_bytes_ = 0;
  add_errands(writer);
  while (next_ < asked_ && !writer.full() &&
         write_bytes_ < kRdmaMessageWriteBytes) {
    if (!add_item(writer, item(next_))) break;
    item(next_++).message = number;
  }
  if (writer.records() == 0) return false;
  const uint32_t bytes = writer.finish();
  CAUSEWAY_TRY(
      endpoint_->post(std::span(writes_).first(write_count_), buffer, bytes));
  message = {static_cast<uint32_t>(write_count_) + 1, staging_.taken_until(),
             true};
  requests_out_ += message.requests;
  last_message_ = number;
  wire_bytes_ += write_bytes_ + bytes;
  tally_.writes.fetch_add(write_count_, std::memory_order_relaxed);
  tally_.messages.fetch_add(1, std::memory_order_relaxed);
  tally_.written_bytes.fetch_add(write_bytes_, std::memory_order_relaxed);
  return true;
}

void RdmaPoster::add_errands(RdmaMessageWriter& writer) {
  auto& errands = extents_.errands();
  size_t said = 0;
  while (said < errands.size() && !writer.full()) writer.add(errands[said++]);
  errands.erase(errands.begin(), errands.begin() + static_cast<long>(said));
}

// False: not now.
bool RdmaPoster::add_item(RdmaMessageWriter& writer, Item& waiting) {
  if (waiting.fence != 0) {
    writer.add({RecordKind::kPlain, 0, Frame{waiting.fence, {}}, {}});
    --fences_waiting_;
    return true;
  }
  if (!add_put(writer, waiting.put)) return false;
  waiting_bytes_ -= waiting.put.payload.size();
  return true;
}

bool RdmaPoster::add_put(RdmaMessageWriter& writer, const Put& put) {
  if (put.payload.empty()) {
    writer.add({RecordKind::kPlain, 0, Frame{0, put.head}, {}});
    return true;
  }
  if (!is_in_place(put)) return add_staged(writer, put);
  bool refused = false;
  if (!add_in_place(writer, put, &refused) &&
      (!refused || !add_staged(writer, put))) {
    return false;
  }
  release_waiting(put);
  return true;
}

// A WRITE for each extent that the put lies in. False: some have no key yet, or
// the message no room; `refused`: it cannot go in place at all.
bool RdmaPoster::add_in_place(RdmaMessageWriter& writer, const Put& put,
                              bool* refused) {
  const BlockRange range = put.head.range();
  size_t count = write_count_;
  for (uint64_t at = range.first; at < range.end();) {
    const Extent* extent = extents_.find(range.region, at);
    CAUSEWAY_ASSERT(extent != nullptr && extent->waiting > 0);
    if (extent->state != Extent::State::kReady) {
      *refused = extent->state == Extent::State::kRefused;
      return false;
    }
    if (count == writes_max_) {
      *refused = write_count_ == 0;  // more pieces than any message takes
      return false;
    }
    const uint64_t end = std::min(range.end(), extent->range.end());
    writes_[count++] = {
        reinterpret_cast<uint64_t>(put.payload.data()) +
            (at - range.first) * kBlockBytes,
        extent->local->lkey,
        extent->remote_address + (at - extent->range.first) * kBlockBytes,
        extent->remote_key, static_cast<uint32_t>((end - at) * kBlockBytes)};
    at = end;
  }
  write_count_ = count;
  write_bytes_ += put.payload.size();
  writer.add({RecordKind::kInPlace, 0, Frame{0, put.head}, {}});
  return true;
}

bool RdmaPoster::add_staged(RdmaMessageWriter& writer, const Put& put) {
  if (write_count_ == writes_max_) return false;
  const auto bytes = static_cast<uint32_t>(put.payload.size());
  const auto offset = staging_.take(bytes);
  if (!offset) return false;
  RdmaWrite& write = writes_[write_count_];
  write = {reinterpret_cast<uint64_t>(put.payload.data()), 0,
           welcome_.staging_address + *offset, welcome_.staging_key, bytes};
  const bool in_scratch =
      !scratch_.empty() && put.payload.data() >= scratch_.data() &&
      put.payload.data() + bytes <= scratch_.data() + scratch_.size();
  if (in_scratch) {
    write.local_key = scratch_key_->lkey;
  } else {
    const auto copy = staging_.at(*offset, bytes);
    std::memcpy(copy.data(), put.payload.data(), bytes);
    tally_.copied_bytes.fetch_add(bytes, std::memory_order_relaxed);
    write.from = reinterpret_cast<uint64_t>(copy.data());
    write.local_key = staging_.local_key();
  }
  ++write_count_;
  write_bytes_ += bytes;
  writer.add({RecordKind::kStaged, *offset, Frame{0, put.head}, {}});
  return true;
}

// The message that is being made is the last that uses its extents so far.
void RdmaPoster::release_waiting(const Put& put) {
  const BlockRange range = put.head.range();
  for (uint64_t at = range.first; at < range.end();) {
    Extent* extent = extents_.find(range.region, at);
    --extent->waiting;
    extent->last_message = last_message_ + 1;
    at = extent->range.end();
  }
}

}  // namespace causeway
