#include <algorithm>
#include <cstring>

#include "dpdk-wan/fec/group_sender.h"
#include "engine/base/assert.h"

namespace causeway {
namespace {

// Copies `bytes` of the pieces from `skip` on.
void gather(std::span<const iovec> pieces, size_t skip, std::byte* into,
            size_t bytes) {
  for (const iovec& piece : pieces) {
    const size_t passed = std::min(skip, piece.iov_len);
    const size_t count = std::min(bytes, piece.iov_len - passed);
    if (count > 0) {
      std::memcpy(into, static_cast<const std::byte*>(piece.iov_base) + passed,
                  count);
    }
    skip -= passed;
    into += count;
    bytes -= count;
  }
  CAUSEWAY_ASSERT(bytes == 0);
}

}  // namespace

size_t GroupSender::Group::lacking() const {
  const SymbolSet gone = lost & ~there & ~resent;
  const size_t possible = head.symbols() - gone.count();
  return possible < head.sources() ? head.sources() - possible : 0;
}

// What was sent after the last source symbol has come, and not all of those.
bool GroupSender::Group::by_repair() const {
  size_t missing = 0;
  for (size_t i = 0; i < head.sources(); ++i) missing += !there.test(i);
  return missing > 0 && resent.none();
}

GroupSender::Group* GroupSender::find(Id id) {
  const uint64_t sequence = id >> 8;
  if (sequence < first_ || sequence >= tail()) return nullptr;
  Group& group = at(sequence);
  return (id & 0xff) < group.head.symbols() ? &group : nullptr;
}

void GroupSender::begin(const GroupHead& head, std::span<const iovec> bytes) {
  CAUSEWAY_ASSERT(ready());
  CAUSEWAY_ASSERT(head.symbols() <= kFecSymbolsMax);
  Group& group = at(tail());
  group = {};
  group.head = head;
  ++count_;
  next_index_ = 0;
  symbols_ = head.symbols();
  std::array<std::byte*, kFecSymbolsMax> payloads;
  for (size_t i = 0; i < symbols_; ++i) {
    encode_symbol_head(
        head, static_cast<uint8_t>(i),
        std::span<std::byte, kSymbolHeadBytes>(slot(i), kSymbolHeadBytes));
    payloads[i] = slot(i) + kSymbolHeadBytes;
    if (i < head.sources()) {
      // To repair, a shorter last one ends in zeros, whatever comes behind it.
      const size_t own = head.payload_bytes(i);
      gather(bytes, i * head.symbol_bytes, payloads[i], own);
      std::memset(payloads[i] + own, 0, head.symbol_bytes - own);
    }
  }
  const std::span<std::byte* const> all(payloads);
  code_.encode(all.first(head.sources()),
               all.subspan(head.sources(), head.repairs), head.symbol_bytes);
  ++counters_.groups;
  counters_.sources += head.sources();
  counters_.repairs += head.repairs;
}

std::span<const std::byte> GroupSender::next() const {
  if (!sending()) return {};
  const GroupHead& head = at(tail() - 1).head;
  return {&wire_[next_index_ * kSymbolWireBytesMax],
          kSymbolHeadBytes + head.payload_bytes(next_index_)};
}

void GroupSender::step_on() {
  CAUSEWAY_ASSERT(sending());
  ++next_index_;
  close_landed();
}

void GroupSender::sent(Instant now) {
  CAUSEWAY_ASSERT(sending());
  at(tail() - 1).sent_at = now;
  step_on();
}

void GroupSender::drop() {
  const Id id = next_id();
  step_on();
  on_lost(id);
}

void GroupSender::hold(uint16_t stream, bool held) {
  held_.set(stream, held);
  close_landed();
}

void GroupSender::on_acked(Id id) {
  Group* group = find(id);
  if (group == nullptr) return;
  group->there.set(id & 0xff);
  close_landed();
}

void GroupSender::on_lost(Id id) {
  Group* group = find(id);
  if (group == nullptr || group->lost.test(id & 0xff)) return;
  group->lost.set(id & 0xff);
  may_owe_ = true;
  ++counters_.lost;
}

void GroupSender::give_up(Instant before) {
  for (uint64_t i = first_; i < tail(); ++i) {
    Group& group = at(i);
    if (group.sent_at > before || (i + 1 == tail() && sending())) continue;
    for (size_t index = 0; index < group.head.symbols(); ++index) {
      if (!group.there.test(index)) on_lost(id_of(i, index));
    }
  }
}

Instant GroupSender::oldest_sent_at() const {
  Instant oldest = kNever;
  for (uint64_t i = first_; i < tail(); ++i) {
    if (i + 1 == tail() && sending()) break;
    // What is owed over the stream is the stream's to bring.
    const Group& group = at(i);
    const SymbolSet known = group.there | group.lost;
    if (known.count() < group.head.symbols()) {
      oldest = std::min(oldest, group.sent_at);
    }
  }
  return oldest;
}

std::optional<GroupSender::Owed> GroupSender::next_owed() {
  if (!may_owe_) return std::nullopt;
  for (uint64_t i = first_; i < tail(); ++i) {
    const Group& group = at(i);
    if (group.lacking() == 0) continue;
    const SymbolSet gone = group.lost & ~group.there & ~group.resent;
    for (size_t index = 0; index < group.head.sources(); ++index) {
      if (!gone.test(index)) continue;
      return Owed{group.head, static_cast<uint8_t>(index), id_of(i, index)};
    }
  }
  may_owe_ = false;
  return std::nullopt;
}

void GroupSender::resent(Id id) {
  Group* group = find(id);
  CAUSEWAY_ASSERT(group != nullptr);
  group->resent.set(id & 0xff);
  ++counters_.resent;
}

void GroupSender::on_resent_landed(Id id) { on_acked(id); }

// Groups of all streams are closed in their order: what is behind an open one
// is remembered with it.
void GroupSender::close_landed() {
  while (count_ > 0) {
    const Group& group = at(first_);
    const bool going = count_ == 1 && sending();
    if (going || !group.landed() || held_.test(group.head.stream)) return;
    landed_to_[group.head.stream] = group.head.end();
    if (group.by_repair()) ++counters_.recovered;
    ++first_;
    --count_;
  }
}

}  // namespace causeway
