#include <algorithm>
#include <cstring>

#include "dpdk-wan/fec/group_receiver.h"
#include "engine/base/assert.h"

namespace causeway {

GroupReceiver::Group* GroupReceiver::find(const GroupHead& head) {
  for (size_t i = 0; i < slots_; ++i) {
    Group& group = groups_[i];
    if (group.open && group.head.position == head.position &&
        group.head.stream == head.stream) {
      return &group;
    }
  }
  return nullptr;
}

Result<GroupReceiver::Group*> GroupReceiver::find_or_open(
    const GroupHead& head) {
  if (Group* group = find(head)) {
    if (group->head == head) return group;
    return make_error(ErrorCode::kPeerBroken,
                      "two symbols of the group at {} do not fit together",
                      head.position);
  }
  if (open_ == groups_.size()) {
    return make_error(ErrorCode::kPeerBroken,
                      "more than {} groups of symbols are open",
                      groups_.size());
  }
  const auto free = std::find_if(groups_.begin(), groups_.end(),
                                 [](const Group& each) { return !each.open; });
  *free = {};
  free->open = true;
  free->head = head;
  ++open_;
  slots_ = std::max<size_t>(slots_, 1 + (free - groups_.begin()));
  return &*free;
}

Status GroupReceiver::take(std::span<const std::byte> datagram) {
  CAUSEWAY_ASSIGN(const Symbol symbol, decode_symbol(datagram));
  const GroupHead& head = symbol.group;
  if (!places_.has(head.stream)) {
    return make_error(ErrorCode::kPeerBroken,
                      "a symbol is for stream {}, which takes none",
                      head.stream);
  }
  if (head.position < places_.end(head.stream)) {
    ++counters_.late;
    return {};
  }
  if (head.end() > places_.limit(head.stream)) {
    return make_error(ErrorCode::kPeerBroken,
                      "a symbol is beyond the window of stream {}",
                      head.stream);
  }
  CAUSEWAY_ASSIGN(Group* const group, find_or_open(head));
  if (group->whole || group->came.test(symbol.index)) {
    ++counters_.late;
    return {};
  }
  ++counters_.symbols;
  const auto slot = static_cast<size_t>(group - groups_.data());
  store(slot, symbol);
  if (group->came.count() < head.sources()) return {};
  complete(slot);
  group->whole = true;
  stream_moved(head.stream);
  return {};
}

void GroupReceiver::store(size_t slot, const Symbol& symbol) {
  Group& group = groups_[slot];
  group.came.set(symbol.index);
  const size_t sources = group.head.sources();
  if (symbol.index < sources) {
    places_.place(
        group.head.stream,
        group.head.position + uint64_t{symbol.index} * group.head.symbol_bytes,
        symbol.payload);
    return;
  }
  std::memcpy(repair_of(slot, symbol.index - sources), symbol.payload.data(),
              symbol.payload.size());
}

// Makes the sources that did not come from the repairs that did.
void GroupReceiver::complete(size_t slot) {
  const Group& group = groups_[slot];
  const GroupHead& head = group.head;
  std::array<ErasureCode::Came, kFecSourcesMax> came;
  std::array<uint8_t, kFecRepairsMax> missing;
  std::array<std::byte*, kFecRepairsMax> made;
  size_t count = 0;
  size_t gaps = 0;
  std::byte* room = scratch_.get();
  for (size_t i = 0; i < head.symbols() && count < head.sources(); ++i) {
    const bool source = i < head.sources();
    const auto index = static_cast<uint8_t>(i);
    if (!group.came.test(i)) {
      if (!source) continue;
      missing[gaps] = index;
      made[gaps++] = room;
      room += head.symbol_bytes;
      continue;
    }
    came[count].index = index;
    came[count++].bytes = source ? room : repair_of(slot, i - head.sources());
    if (!source) continue;
    const size_t bytes = head.payload_bytes(i);
    places_.fetch(head.stream, head.position + i * head.symbol_bytes,
                  {room, bytes});
    std::memset(room + bytes, 0, head.symbol_bytes - bytes);
    room += head.symbol_bytes;
  }
  if (gaps == 0) return;
  CAUSEWAY_ASSERT(count == head.sources());
  code_.recover(std::span(came).first(count), std::span(missing).first(gaps),
                std::span<std::byte* const>(made).first(gaps),
                head.symbol_bytes);
  for (size_t i = 0; i < gaps; ++i) {
    places_.place(head.stream,
                  head.position + uint64_t{missing[i]} * head.symbol_bytes,
                  {made[i], head.payload_bytes(missing[i])});
  }
  counters_.repaired += gaps;
}

void GroupReceiver::stream_moved(uint16_t stream) {
  bool again = true;
  while (again) {
    again = false;
    for (size_t i = 0; i < slots_; ++i) {
      Group& group = groups_[i];
      if (!group.open || group.head.stream != stream) continue;
      const uint64_t end = places_.end(stream);
      if (group.head.position > end) continue;
      if (group.head.position == end) {
        if (!group.whole) continue;
        places_.extend(stream, group.head.end());
        again = true;
      }
      // Also one that lies across what has come another way: no honest peer
      // has such.
      group.open = false;
      --open_;
    }
  }
  while (slots_ > 0 && !groups_[slots_ - 1].open) --slots_;
}

}  // namespace causeway
