// The puller's data path: no allocation, no log, no clock. What is learnt of
// the source's memory is kept by rdma/pull/key_table.cc.
#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"
#include "rdma/pull/rdma_puller.h"

namespace causeway {

Result<size_t> RdmaPuller::post(std::span<const Pull> pulls) {
  if (broken_) return *broken_;
  size_t count = 0;
  for (; count < pulls.size() && taken_ < slots_.size(); ++count) {
    take(pulls[count]);
  }
  return count;
}

// What breaks here is seen by the next poll(), as what breaks later.
void RdmaPuller::take(const Pull& pull) {
  const uint64_t bytes = pull.blocks.count * kBlockBytes;
  CAUSEWAY_ASSERT(bytes > 0 && bytes <= kRdmaPullBytesMax);
  CAUSEWAY_ASSERT(pull.into.size() == bytes);
  CAUSEWAY_ASSERT(pull.into.data() >= landing_.data() &&
                  pull.into.data() + bytes <=
                      landing_.data() + landing_.size());
  Slot& slot = *std::find_if(slots_.begin(), slots_.end(), [](const Slot& one) {
    return one.state == Slot::State::kFree;
  });
  slot = {pull, Slot::State::kOut, PullDone::Outcome::kLanded,
          pull.blocks.first, 0};
  ++taken_;
  Status begun = broken_ ? Status(*broken_) : advance(slot);
  if (begun) begun = ask();
  if (!begun) fail(begun.error());
}

size_t RdmaPuller::poll(Instant now, std::span<PullDone> out) {
  if (!broken_) {
    const Status moved = move(now);
    if (!moved) fail(moved.error());
  }
  size_t count = 0;
  for (; count < out.size() && over_tail_ < over_head_; ++count) {
    Slot& slot = *over_[over_tail_++ % over_.size()];
    out[count] = {slot.pull.tag, slot.outcome};
    slot.state = Slot::State::kFree;
    --taken_;
  }
  return count;
}

Status RdmaPuller::move(Instant now) {
  CAUSEWAY_ASSIGN(const bool heard, take_completions());
  if (heard || !was_out_) heard_at_ = now;
  if (is_out() && now - heard_at_ >= kRdmaSilenceMax) {
    return make_error(ErrorCode::kConnectionLost,
                      "{} has answered no READ for {:.1f} s", endpoint_->peer(),
                      seconds(now - heard_at_));
  }
  if (heard) CAUSEWAY_TRY(advance_all());
  CAUSEWAY_TRY(ask());
  was_out_ = is_out();
  return {};
}

// Whether anything came.
Result<bool> RdmaPuller::take_completions() {
  bool heard = false;
  for (;;) {
    std::array<RdmaCompletion, 16> done;
    CAUSEWAY_ASSIGN(const size_t found, endpoint_->poll(done));
    if (found == 0) return heard;
    heard = true;
    for (const RdmaCompletion& one : std::span(done).first(found)) {
      switch (one.kind) {
        case RdmaCompletion::Kind::kRead:
          take_read();
          break;
        case RdmaCompletion::Kind::kSent:
          with_device_ = false;
          break;
        case RdmaCompletion::Kind::kReceived:
          CAUSEWAY_TRY(
              take_answer(endpoint_->incoming(one.buffer).first(one.bytes)));
          CAUSEWAY_TRY(endpoint_->take_again(one.buffer));
          break;
      }
    }
  }
}

// Of a queue pair they complete in order.
void RdmaPuller::take_read() {
  CAUSEWAY_ASSERT(reads_tail_ < reads_head_);
  const Read& read = reads_[reads_tail_++ % reads_.size()];
  keys_.read_done(*read.lent);
  --read.slot->reads_out;
  settle(*read.slot);
}

Status RdmaPuller::take_answer(std::span<const std::byte> answer) {
  CAUSEWAY_ASSIGN(RdmaAnswerReader reader, RdmaAnswerReader::open(answer));
  if (!asking_ || reader.taken() != message_ || reader.left() != wants_) {
    return make_error(ErrorCode::kPeerBroken,
                      "{} answers message {} with {} keys; {} were sent, the "
                      "last with {} wants",
                      endpoint_->peer(), reader.taken(), reader.left(),
                      message_, wants_);
  }
  asking_ = false;
  while (reader.left() > 0) {
    CAUSEWAY_ASSIGN(const RdmaKey key, reader.next());
    CAUSEWAY_ASSIGN(const KeyTable::Taken taken, keys_.take_key(key));
    if (taken == KeyTable::Taken::kRefused) refuse(key.extent);
    // What is lent is used before a refusal gives it back.
    if (taken == KeyTable::Taken::kKnown) CAUSEWAY_TRY(advance_all());
  }
  return {};
}

void RdmaPuller::refuse(const BlockRange& blocks) {
  for (Slot& slot : slots_) {
    const bool hit = slot.is_waiting() &&
                     slot.pull.blocks.region == blocks.region &&
                     slot.next >= blocks.first && slot.next < blocks.end();
    if (!hit) continue;
    slot.outcome = PullDone::Outcome::kRefused;
    slot.next = slot.pull.blocks.end();
    settle(slot);
  }
}

Status RdmaPuller::advance_all() {
  for (Slot& slot : slots_) {
    if (slot.is_waiting()) CAUSEWAY_TRY(advance(slot));
  }
  return {};
}

// As far as the source's memory is known and the send queue has room.
Status RdmaPuller::advance(Slot& slot) {
  const BlockRange& blocks = slot.pull.blocks;
  while (slot.next < blocks.end()) {
    LentKey* lent = keys_.find(blocks.region, slot.next);
    if (lent == nullptr) {
      keys_.want(blocks.region, slot.next);
      return {};
    }
    const uint64_t end = std::min(blocks.end(), lent->blocks.end());
    const auto into =
        slot.pull.into.subspan((slot.next - blocks.first) * kBlockBytes,
                               (end - slot.next) * kBlockBytes);
    if (lent->hole) {
      std::memset(into.data(), 0, into.size());
    } else {
      if (!may_read()) return {};
      CAUSEWAY_TRY(begin_read(slot, *lent, into));
    }
    slot.next = end;
  }
  settle(slot);
  return {};
}

Status RdmaPuller::begin_read(Slot& slot, LentKey& lent,
                              std::span<std::byte> into) {
  const RdmaRead read{
      lent.address + (slot.next - lent.blocks.first) * kBlockBytes, lent.key,
      reinterpret_cast<uint64_t>(into.data()), landing_key_->lkey,
      static_cast<uint32_t>(into.size())};
  CAUSEWAY_TRY(endpoint_->read(
      read, static_cast<uint32_t>(reads_head_ % reads_.size())));
  reads_[reads_head_++ % reads_.size()] = {&slot, &lent};
  keys_.read_begun(lent);
  ++slot.reads_out;
  return {};
}

void RdmaPuller::settle(Slot& slot) {
  if (slot.next < slot.pull.blocks.end() || slot.reads_out > 0) return;
  slot.state = Slot::State::kOver;
  over_[over_head_++ % over_.size()] = &slot;
}

// One message at a time: the next carries all that came up meanwhile.
Status RdmaPuller::ask() {
  auto& errands = keys_.errands();
  if (errands.empty() || asking_ || with_device_) return {};
  const auto buffer =
      static_cast<uint32_t>(++message_ % endpoint_->depths().messages);
  RdmaMessageWriter writer(endpoint_->outgoing(buffer), message_);
  size_t said = 0;
  wants_ = 0;
  for (; said < errands.size() && !writer.full(); ++said) {
    if (errands[said].kind == RecordKind::kWant) ++wants_;
    writer.add(errands[said]);
  }
  errands.erase(errands.begin(), errands.begin() + static_cast<long>(said));
  CAUSEWAY_TRY(endpoint_->post({}, buffer, writer.finish()));
  asking_ = with_device_ = true;
  return {};
}

void RdmaPuller::arm() {
  if (broken_) return;
  const Status armed = endpoint_->arm(/*sent_too=*/true);
  if (!armed) fail(armed.error());
}

Instant RdmaPuller::wait_on(WaitSet& set) const {
  if (broken_) return kNever;
  endpoint_->wait_on(set);
  return is_out() ? heard_at_ + kRdmaSilenceMax : kNever;
}

}  // namespace causeway
