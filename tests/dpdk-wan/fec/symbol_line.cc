#include "tests/dpdk-wan/fec/symbol_line.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace causeway {
namespace {

constexpr int kOneWay = 40;  // steps
constexpr int kStepsMax = 1'000'000;

Instant at(int step) { return Instant(Duration(int64_t{1'000'000} * step)); }

}  // namespace

void VectorPlaces::place(uint16_t stream, uint64_t position,
                         std::span<const std::byte> bytes) {
  Stream& to = streams_[stream];
  ASSERT_GE(position, to.end);
  ASSERT_LE(position + bytes.size(), limit(stream));
  if (to.bytes.size() < position + bytes.size()) {
    to.bytes.resize(position + bytes.size());
  }
  std::copy(bytes.begin(), bytes.end(),
            to.bytes.begin() + static_cast<int64_t>(position));
}

void VectorPlaces::fetch(uint16_t stream, uint64_t position,
                         std::span<std::byte> into) const {
  const Stream& from = streams_[stream];
  ASSERT_LE(position + into.size(), from.bytes.size());
  std::copy_n(from.bytes.begin() + static_cast<int64_t>(position), into.size(),
              into.begin());
}

void VectorPlaces::extend(uint16_t stream, uint64_t end) {
  ASSERT_GT(end, streams_[stream].end);
  ASSERT_LE(end, streams_[stream].bytes.size());
  streams_[stream].end = end;
}

std::vector<std::byte> VectorPlaces::whole(uint16_t stream) const {
  const Stream& from = streams_[stream];
  return {from.bytes.begin(),
          from.bytes.begin() + static_cast<int64_t>(from.end)};
}

void VectorPlaces::append(uint16_t stream, std::span<const std::byte> bytes) {
  const uint64_t from = end(stream);
  place(stream, from, bytes);
  extend(stream, from + bytes.size());
}

bool SymbolLine::all_landed() const {
  for (uint16_t i = 0; i < sent.size(); ++i) {
    if (sender->landed_to(i) != sent[i].size()) return false;
  }
  return true;
}

// One group, of the next stream that has anything.
void SymbolLine::cut(size_t symbol_bytes, size_t sources, size_t repairs) {
  if (!sender->ready()) return;
  for (size_t i = 0; i < sent.size(); ++i) {
    turn_ = static_cast<uint16_t>((turn_ + 1) % sent.size());
    uint64_t& from = cut_[turn_];
    const size_t room = places.limit(turn_) - from;
    const size_t bytes =
        std::min({sent[turn_].size() - from, symbol_bytes * sources, room});
    if (bytes == 0) continue;
    GroupHead head;
    head.stream = turn_;
    head.position = from;
    head.bytes = static_cast<uint32_t>(bytes);
    head.symbol_bytes = static_cast<uint16_t>(symbol_bytes);
    head.repairs = static_cast<uint8_t>(repairs);
    // In two pieces, as out of a ring.
    const size_t first = bytes / 3;
    std::byte* data = sent[turn_].data() + from;
    const iovec pieces[] = {{data, first}, {data + first, bytes - first}};
    sender->begin(head, pieces);
    from += bytes;
    return;
  }
}

void SymbolLine::send() {
  const auto symbol = sender->next();
  if (symbol.empty()) return;
  const OnItsWay packet{{symbol.begin(), symbol.end()}, sender->next_id()};
  sender->sent(at(now_));
  const int late = chance(trouble_.reorder)
                       ? std::uniform_int_distribution<int>(1, 20)(dice_)
                       : 0;
  if (chance(trouble_.loss)) {
    if (!chance(trouble_.forgotten)) {
      answers_.emplace(now_ + 2 * kOneWay + kOneWay / 4,
                       std::pair(packet.id, false));
    }
    return;
  }
  arrives_.emplace(now_ + kOneWay + late, packet);
  if (chance(trouble_.duplicate)) arrives_.emplace(now_ + kOneWay, packet);
}

void SymbolLine::resend() {
  const auto owed = sender->next_owed();
  if (!owed) return;
  const size_t payload = owed->group.payload_bytes(owed->index);
  OnItsWay packet{std::vector<std::byte>(kSymbolHeadBytes + payload), owed->id,
                  true};
  encode_symbol_head(owed->group, owed->index,
                     std::span<std::byte, kSymbolHeadBytes>(
                         packet.symbol.data(), kSymbolHeadBytes));
  std::copy_n(
      sent[owed->group.stream].begin() + static_cast<int64_t>(owed->position()),
      payload, packet.symbol.begin() + kSymbolHeadBytes);
  sender->resent(owed->id);
  arrives_.emplace(now_ + kOneWay, packet);
}

void SymbolLine::arrive() {
  while (!arrives_.empty() && arrives_.begin()->first <= now_) {
    const OnItsWay packet = arrives_.begin()->second;
    arrives_.erase(arrives_.begin());
    if (Status taken = receiver->take(packet.symbol); !taken) {
      broken = std::move(taken);
      return;
    }
    if (packet.again) {
      landings_.emplace(now_ + kOneWay, packet.id);
    } else {
      answers_.emplace(now_ + kOneWay, std::pair(packet.id, true));
    }
  }
}

void SymbolLine::answer() {
  while (!answers_.empty() && answers_.begin()->first <= now_) {
    const auto [id, acked] = answers_.begin()->second;
    answers_.erase(answers_.begin());
    acked ? sender->on_acked(id) : sender->on_lost(id);
  }
  while (!landings_.empty() && landings_.begin()->first <= now_) {
    sender->on_resent_landed(landings_.begin()->second);
    landings_.erase(landings_.begin());
  }
}

int SymbolLine::carry(size_t symbol_bytes, size_t sources, size_t repairs) {
  const int from = now_;
  for (; now_ < from + kStepsMax; ++now_) {
    arrive();
    if (!broken) return -1;
    answer();
    sender->give_up(at(now_ - 6 * kOneWay));
    if (all_landed()) return now_ - from;
    resend();
    cut(symbol_bytes, sources, repairs);
    send();
  }
  return -1;
}

}  // namespace causeway
