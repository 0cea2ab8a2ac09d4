// GroupSender: the sending end of forward error correction. Cuts runs of
// streams into groups, gives their symbols out one after the other, and keeps
// account of which the peer has; what it cannot make from what came is owed
// over a stream: as many symbols as the group lacks, and no more.
//
//   begin(run) ─► next(), sent() ... ─► every symbol is acked or lost
//                                         │ enough came: landed
//                                         ▼ too few
//                          next_owed(), resent() ─► on_resent_landed()
//
// The bytes stay their owner's: they are read when a group begins and again
// when a symbol is owed, until landed_to() has passed them. No I/O, no clock;
// no allocation once it is made. One owner, one thread.
#pragma once

#include <sys/uio.h>

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "dpdk-wan/fec/erasure_code.h"
#include "dpdk-wan/fec/symbol.h"
#include "engine/base/limits.h"
#include "engine/base/time.h"

namespace causeway {

// Totals.
struct FecSendCounters {
  uint64_t groups = 0;
  uint64_t sources = 0;
  uint64_t repairs = 0;
  uint64_t lost = 0;
  uint64_t resent = 0;     // symbols that came again over the stream
  uint64_t recovered = 0;  // groups that landed by their repair
};

class GroupSender {
 public:
  // A symbol, by group and index.
  using Id = uint64_t;

  GroupSender();

  // Whether a group may begin: the last one has gone out whole, and there is
  // room to remember another.
  bool ready() const { return !sending() && count_ < kFecGroupsOpenMax; }
  // `bytes`: from the group's first on, group.bytes of them or more. Groups of
  // one stream follow each other.
  void begin(const GroupHead& group, std::span<const iovec> bytes);

  // The next symbol, head and payload; empty: there is none. It stays where it
  // is until sent().
  std::span<const std::byte> next() const;
  Id next_id() const { return id_of(tail() - 1, next_index_); }
  void sent(Instant now);
  // Instead of sending it: it will not go.
  void drop();

  // While bytes before the stream's first group are under way by themselves,
  // its groups stay open: at the peer they are too, and there is no more room
  // there than here.
  void hold(uint16_t stream, bool held);

  // Either may come late, twice, or not at all.
  void on_acked(Id id);
  void on_lost(Id id);
  // Counts what has not been heard of since `before` as lost: a transport may
  // forget to say so.
  void give_up(Instant before);
  // When the oldest group that is waited for went out whole; kNever: none is.
  Instant oldest_sent_at() const;

  // A source symbol that the peer needs over the stream. The same again until
  // resent().
  struct Owed {
    GroupHead group;
    uint8_t index = 0;
    Id id = 0;
    uint64_t position() const {
      return group.position + uint64_t{index} * group.symbol_bytes;
    }
  };
  std::optional<Owed> next_owed();
  void resent(Id id);
  void on_resent_landed(Id id);

  // All bytes of the stream's groups before this have landed; 0: none yet.
  uint64_t landed_to(uint16_t stream) const { return landed_to_[stream]; }
  bool idle() const { return count_ == 0; }
  const FecSendCounters& counters() const { return counters_; }

 private:
  using SymbolSet = std::bitset<kFecSymbolsMax>;

  struct Group {
    GroupHead head;
    SymbolSet there;           // the peer has it
    SymbolSet lost;            // as far as is known
    SymbolSet resent;          // over the stream
    Instant sent_at = kNever;  // the last symbol
    bool landed() const { return there.count() >= head.sources(); }
    bool by_repair() const;
    // Symbols that must come again for the group to be whole.
    size_t lacking() const;
  };

  static Id id_of(uint64_t sequence, size_t index) {
    return sequence << 8 | index;
  }
  bool sending() const { return next_index_ < symbols_; }
  uint64_t tail() const { return first_ + count_; }
  Group& at(uint64_t sequence) { return groups_[sequence % kFecGroupsOpenMax]; }
  const Group& at(uint64_t sequence) const {
    return groups_[sequence % kFecGroupsOpenMax];
  }
  Group* find(Id id);
  std::byte* slot(size_t index) { return &wire_[index * kSymbolWireBytesMax]; }
  void step_on();
  void close_landed();

  std::array<Group, kFecGroupsOpenMax> groups_;
  uint64_t first_ = 0;  // the oldest that is open
  size_t count_ = 0;
  size_t next_index_ = 0;  // of the last group
  size_t symbols_ = 0;     // ... has so many
  std::array<uint64_t, UINT8_MAX + 1> landed_to_{};
  std::bitset<UINT8_MAX + 1> held_;  // streams
  bool may_owe_ = false;  // something was lost since next_owed() looked

  ErasureCode code_;
  std::unique_ptr<std::byte[]> wire_;  // the last group's symbols
  FecSendCounters counters_;
};

}  // namespace causeway
