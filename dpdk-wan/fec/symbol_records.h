// Symbols that come again over a stream: records, one after the other. An
// empty one says nothing; it is there to be acknowledged.
//
//   0       2
//   +-------+----------------------------------+
//   | bytes | a symbol (symbol.h), or nothing  |
//   +-------+----------------------------------+
//
// SymbolRecords takes the stream apart. Every byte is hostile.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "dpdk-wan/fec/symbol.h"
#include "engine/base/result.h"

namespace causeway {

inline constexpr size_t kSymbolRecordHeadBytes = 2;
inline constexpr size_t kSymbolRecordBytesMax =
    kSymbolRecordHeadBytes + kSymbolWireBytesMax;

void encode_record_head(size_t symbol_bytes,
                        std::span<std::byte, kSymbolRecordHeadBytes> out);

class SymbolRecords {
 public:
  // Whom a whole symbol is given to.
  class Taker {
   public:
    virtual ~Taker() = default;
    virtual Status take_symbol(std::span<const std::byte> symbol) = 0;
  };

  // What came, in order, in any pieces. An Error: kPeerBroken, or the taker's.
  Status take(std::span<const std::byte> bytes, Taker& taker);

 private:
  std::array<std::byte, kSymbolRecordBytesMax> record_;
  size_t got_ = 0;
};

}  // namespace causeway
