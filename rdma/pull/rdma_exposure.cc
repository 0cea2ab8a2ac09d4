#include "rdma/pull/rdma_exposure.h"

#include <array>
#include <utility>

namespace causeway {

RdmaExposure::RdmaExposure(std::unique_ptr<RdmaEndpoint> endpoint,
                           std::span<BlockStore* const> stores,
                           uint64_t pinned_bytes_max)
    : endpoint_(std::move(endpoint)),
      extents_(*endpoint_, stores, IBV_ACCESS_REMOTE_READ, pinned_bytes_max) {}

void RdmaExposure::withdraw() {
  endpoint_->disconnect();
  extents_.take_all_back();
  if (!broken_) {
    broken_ = make_error(ErrorCode::kConnectionLost,
                         "this end exposes nothing to {} any more",
                         endpoint_->peer());
  }
}

Result<bool> RdmaExposure::poll() {
  if (broken_) return *broken_;
  auto moved = move();
  if (!moved) {
    broken_ = moved.error();
    withdraw();
  }
  return moved;
}

Result<bool> RdmaExposure::move() {
  CAUSEWAY_ASSIGN(const bool moved, take_completions());
  if (moved) return true;
  // What was answered frees a buffer for the next question.
  CAUSEWAY_TRY(endpoint_->arm(answers_out_ > 0));
  return take_completions();
}

// A message's buffer is the peer's again once its answer has gone.
Result<bool> RdmaExposure::take_completions() {
  bool moved = false;
  for (;;) {
    std::array<RdmaCompletion, 16> done;
    CAUSEWAY_ASSIGN(const size_t found, endpoint_->poll(done));
    if (found == 0) return moved;
    moved = true;
    for (const RdmaCompletion& one : std::span(done).first(found)) {
      if (one.kind == RdmaCompletion::Kind::kReceived) {
        CAUSEWAY_TRY(answer(one));
      } else {
        --answers_out_;
        CAUSEWAY_TRY(endpoint_->take_again(one.buffer));
      }
    }
  }
}

Status RdmaExposure::answer(const RdmaCompletion& message) {
  const auto bytes = endpoint_->incoming(message.buffer).first(message.bytes);
  CAUSEWAY_ASSIGN(RdmaMessageReader reader, RdmaMessageReader::open(bytes));
  if (reader.number() != taken_ + 1) {
    return make_error(ErrorCode::kPeerBroken,
                      "question {} of {} came after question {}",
                      reader.number(), endpoint_->peer(), taken_);
  }
  RdmaAnswerWriter answers(endpoint_->outgoing(message.buffer));
  while (reader.left() > 0) {
    CAUSEWAY_ASSIGN(const RdmaRecord record, reader.next());
    CAUSEWAY_TRY(take_record(record, answers));
  }
  const uint32_t length = answers.finish(++taken_);
  ++answers_out_;
  return endpoint_->post({}, message.buffer, length);
}

Status RdmaExposure::take_record(const RdmaRecord& record,
                                 RdmaAnswerWriter& answers) {
  if (record.kind == RecordKind::kDrop) {
    return extents_.take_back(record.extent);
  }
  if (record.kind != RecordKind::kWant) {
    return make_error(ErrorCode::kPeerBroken,
                      "{} sends a record of kind {} to who is read alone",
                      endpoint_->peer(), static_cast<int>(record.kind));
  }
  CAUSEWAY_ASSIGN(const RdmaKey key, extents_.lend_around(record.extent.region,
                                                          record.extent.first));
  answers.add(key);
  return {};
}

Instant RdmaExposure::wait_on(WaitSet& set) const {
  return broken_ ? kNever : endpoint_->wait_on(set);
}

}  // namespace causeway
