// A symbol: one piece of a group, or of its repair. A group is a run of a
// stream's bytes, cut into `sources` pieces of symbol_bytes (the last may be
// shorter) with `repairs` more of the same length: any `sources` of them all
// give the group. One symbol is one DATAGRAM frame. Integers are little-endian.
//
//   0        1       2         3        4              6   8             12
//   +--------+-------+---------+--------+--------------+---+-------------+
//   | format | index | repairs | stream | symbol bytes | 0 | group bytes |
//   +--------+-------+---------+--------+--------------+---+-------------+
//   12                 20
//   +------------------+---------------------------------------+
//   | position         | payload: to the end of the datagram   |
//   +------------------+---------------------------------------+
//
//   format    1
//   index     sources first, then repairs
//   position  of the group's first byte in its stream
//
// Pure functions; decoding treats every byte as hostile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dpdk-wan/fec/limits.h"
#include "engine/base/result.h"

namespace causeway {

inline constexpr size_t kSymbolHeadBytes = 20;
inline constexpr size_t kSymbolWireBytesMax =
    kSymbolHeadBytes + kFecSymbolBytesMax;

struct GroupHead {
  uint16_t stream = 0;
  uint64_t position = 0;
  uint32_t bytes = 0;  // > 0
  uint16_t symbol_bytes = 0;
  uint8_t repairs = 0;

  size_t sources() const { return (bytes + symbol_bytes - 1) / symbol_bytes; }
  size_t symbols() const { return sources() + repairs; }
  uint64_t end() const { return position + bytes; }
  // The payload of one symbol.
  size_t payload_bytes(size_t index) const {
    if (index + 1 != sources()) return symbol_bytes;
    return bytes - index * symbol_bytes;
  }
  bool operator==(const GroupHead&) const = default;
};

struct Symbol {
  GroupHead group;
  uint8_t index = 0;
  std::span<const std::byte> payload;  // within what was decoded
};

void encode_symbol_head(const GroupHead& group, uint8_t index,
                        std::span<std::byte, kSymbolHeadBytes> out);

// kPeerBroken unless the head is within all limits and the payload is as long
// as it says. Whether the place is free is for the receiver to say.
Result<Symbol> decode_symbol(std::span<const std::byte> datagram);

}  // namespace causeway
