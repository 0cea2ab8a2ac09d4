// The taker's data path. Registrations are made in rdma/memory.
#include <cstring>

#include "engine/base/assert.h"
#include "rdma/bulk/rdma_taker.h"

namespace causeway {

Result<bool> RdmaTaker::poll() {
  CAUSEWAY_ASSIGN(const bool moved, move());
  if (moved) return true;
  // What comes in between may leave nothing but kSent to wait for.
  for (bool any = false;;) {
    const bool sent_too = arrived_tail_ < arrived_head_;
    CAUSEWAY_TRY(endpoint_->arm(sent_too));
    CAUSEWAY_ASSIGN(const bool again, move());
    any |= again;
    if (sent_too || arrived_tail_ == arrived_head_) return any;
  }
}

// Whether a message was taken.
Result<bool> RdmaTaker::move() {
  CAUSEWAY_TRY(take_completions());
  bool moved = false;
  while (arrived_tail_ < arrived_head_ && may_answer()) {
    if (!answer_due_) {
      const auto buffer = static_cast<uint32_t>(answers_ % answer_out_.size());
      answer_ = RdmaAnswerWriter(endpoint_->outgoing(buffer));
    }
    const Arrived& one = arrived_[arrived_tail_ % arrived_.size()];
    CAUSEWAY_TRY(
        take_message(endpoint_->incoming(one.buffer).first(one.bytes)));
    CAUSEWAY_TRY(endpoint_->take_again(one.buffer));
    ++arrived_tail_;
    answer_due_ = true;
    moved = true;
    if (answer_.keys() + kRdmaRecordsMax > kRdmaKeysMax) CAUSEWAY_TRY(answer());
  }
  if (answer_due_) CAUSEWAY_TRY(answer());
  return moved;
}

Status RdmaTaker::take_completions() {
  for (;;) {
    std::array<RdmaCompletion, 16> done;
    CAUSEWAY_ASSIGN(const size_t found, endpoint_->poll(done));
    if (found == 0) return {};
    for (const RdmaCompletion& one : std::span(done).first(found)) {
      if (one.kind == RdmaCompletion::Kind::kSent) {
        answer_out_[one.buffer] = false;
        continue;
      }
      CAUSEWAY_ASSERT(arrived_head_ - arrived_tail_ < arrived_.size());
      arrived_[arrived_head_++ % arrived_.size()] = {one.buffer, one.bytes};
    }
  }
}

Status RdmaTaker::take_message(std::span<const std::byte> message) {
  CAUSEWAY_ASSIGN(RdmaMessageReader reader, RdmaMessageReader::open(message));
  if (reader.number() != taken_ + 1) {
    return make_error(ErrorCode::kPeerBroken,
                      "RDMA message {} came after message {}", reader.number(),
                      taken_);
  }
  wire_bytes_ += message.size();
  while (reader.left() > 0) {
    CAUSEWAY_ASSIGN(const RdmaRecord record, reader.next());
    CAUSEWAY_TRY(take_record(record));
  }
  ++taken_;
  return {};
}

Status RdmaTaker::take_record(const RdmaRecord& record) {
  const PutHead& head = record.frame.put;
  switch (record.kind) {
    case RecordKind::kInPlace:
      wire_bytes_ += head.payload_bytes;
      return sink_.written(head);
    case RecordKind::kStaged:
      return take_staged(head, record.staging_offset);
    case RecordKind::kPlain:
      return take_plain(record.frame);
    case RecordKind::kWant: {
      CAUSEWAY_ASSIGN(const RdmaKey key, extents_.lend(record.extent));
      answer_.add(key);
      return {};
    }
    case RecordKind::kDrop:
      return extents_.take_back(record.extent);
  }
  return {};
}

Status RdmaTaker::take_plain(const Frame& frame) {
  if (frame.fence == 0) {
    CAUSEWAY_TRY(sink_.begin(frame.put));
    return sink_.end(frame.put);
  }
  if (frame.fence <= fence_landed_) {
    return make_error(ErrorCode::kPeerBroken, "fence {} came after fence {}",
                      frame.fence, fence_landed_);
  }
  fence_landed_ = frame.fence;
  return {};
}

Status RdmaTaker::take_staged(const PutHead& head, uint32_t offset) {
  if (uint64_t{offset} + head.payload_bytes > staging_.bytes()) {
    return make_error(ErrorCode::kPeerBroken,
                      "the source speaks of {} bytes at {} of a ring of {}",
                      head.payload_bytes, offset, staging_.bytes());
  }
  CAUSEWAY_ASSIGN(const auto place, sink_.begin(head));
  CAUSEWAY_ASSERT(place.size() == head.payload_bytes);
  const auto payload = staging_.at(offset, head.payload_bytes);
  std::memcpy(place.data(), payload.data(), payload.size());
  wire_bytes_ += payload.size();
  return sink_.end(head);
}

Status RdmaTaker::answer() {
  const auto buffer = static_cast<uint32_t>(answers_ % answer_out_.size());
  CAUSEWAY_TRY(endpoint_->post({}, buffer, answer_.finish(taken_)));
  answer_out_[buffer] = true;
  ++answers_;
  answer_due_ = false;
  return {};
}

}  // namespace causeway
