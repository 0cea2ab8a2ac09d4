// GroupReceiver: the receiving end of forward error correction. Source symbols
// go straight to their place in their stream, in whatever order they come;
// repair symbols are kept until a group has as many symbols as sources, and
// give what is missing. A stream moves on when the group at its end is whole:
// what comes again is dropped, nothing is placed twice.
//
//   stream  | whole, in order | group, 3 of 8 | group, whole | ...
//                             ^ end()
//
// No I/O, no clock; no allocation once it is made. Every byte is hostile. One
// owner, one thread.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <span>

#include "dpdk-wan/fec/erasure_code.h"
#include "dpdk-wan/fec/symbol.h"
#include "engine/base/result.h"

namespace causeway {

// Where the bytes of streams go.
class SymbolPlaces {
 public:
  virtual ~SymbolPlaces() = default;
  // Whether symbols may come for this stream.
  virtual bool has(uint16_t stream) const = 0;
  // Up to where the stream is whole ...
  virtual uint64_t end(uint16_t stream) const = 0;
  // ... and up to where there is room behind that.
  virtual uint64_t limit(uint16_t stream) const = 0;
  // Between end() and limit(): keeps the bytes, and gives them back.
  virtual void place(uint16_t stream, uint64_t position,
                     std::span<const std::byte> bytes) = 0;
  virtual void fetch(uint16_t stream, uint64_t position,
                     std::span<std::byte> into) const = 0;
  // The stream is whole up to here.
  virtual void extend(uint16_t stream, uint64_t end) = 0;
};

// Totals.
struct FecReceiveCounters {
  uint64_t symbols = 0;   // that were of use
  uint64_t late = 0;      // of groups that were whole, or come twice
  uint64_t repaired = 0;  // sources that were made from repair
};

class GroupReceiver {
 public:
  // `places` outlives it.
  explicit GroupReceiver(SymbolPlaces& places);

  // One symbol, head and payload. kPeerBroken: the peer broke a rule.
  Status take(std::span<const std::byte> datagram);
  // The stream has grown by itself: groups may follow at once.
  void stream_moved(uint16_t stream);

  const FecReceiveCounters& counters() const { return counters_; }

 private:
  struct Group {
    bool open = false;
    bool whole = false;
    GroupHead head;
    std::bitset<kFecSymbolsMax> came;
  };

  Group* find(const GroupHead& head);
  Result<Group*> find_or_open(const GroupHead& head);
  void store(size_t slot, const Symbol& symbol);
  void complete(size_t slot);
  std::byte* repair_of(size_t slot, size_t repair) {
    return &repairs_[(slot * kFecRepairsMax + repair) * kFecSymbolBytesMax];
  }

  SymbolPlaces& places_;
  std::array<Group, kFecGroupsOpenMax> groups_;
  size_t open_ = 0;
  size_t slots_ = 0;  // from here on no group is open
  ErasureCode code_;
  std::unique_ptr<std::byte[]> repairs_;  // of every group that is open
  std::unique_ptr<std::byte[]> scratch_;  // the symbols of one group
  FecReceiveCounters counters_;
};

}  // namespace causeway
