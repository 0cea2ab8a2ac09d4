#include "dpdk-wan/fec/symbol.h"

#include "engine/base/assert.h"
#include "engine/base/little_endian.h"

namespace causeway {
namespace {

constexpr uint8_t kFormat = 1;
// No stream is so long: ends of groups cannot overflow.
constexpr uint64_t kPositionMax = 1ull << 62;

bool within_limits(const GroupHead& group, uint8_t index) {
  return group.symbol_bytes >= kFecSymbolBytesMin &&
         group.symbol_bytes <= kFecSymbolBytesMax && group.bytes > 0 &&
         group.bytes <= kFecSourcesMax * group.symbol_bytes &&
         group.repairs <= kFecRepairsMax && group.position <= kPositionMax &&
         index < group.symbols();
}

}  // namespace

void encode_symbol_head(const GroupHead& group, uint8_t index,
                        std::span<std::byte, kSymbolHeadBytes> out) {
  CAUSEWAY_ASSERT(within_limits(group, index));
  CAUSEWAY_ASSERT(group.stream <= UINT8_MAX);
  std::byte* at = out.data();
  store_le<uint8_t>(at, kFormat);
  store_le<uint8_t>(at + 1, index);
  store_le<uint8_t>(at + 2, group.repairs);
  store_le<uint8_t>(at + 3, static_cast<uint8_t>(group.stream));
  store_le<uint16_t>(at + 4, group.symbol_bytes);
  store_le<uint16_t>(at + 6, 0);
  store_le<uint32_t>(at + 8, group.bytes);
  store_le<uint64_t>(at + 12, group.position);
}

Result<Symbol> decode_symbol(std::span<const std::byte> datagram) {
  if (datagram.size() < kSymbolHeadBytes) {
    return make_error(ErrorCode::kPeerBroken,
                      "a symbol of {} bytes is shorter than its head",
                      datagram.size());
  }
  const std::byte* at = datagram.data();
  Symbol symbol;
  symbol.index = load_le<uint8_t>(at + 1);
  symbol.group.repairs = load_le<uint8_t>(at + 2);
  symbol.group.stream = load_le<uint8_t>(at + 3);
  symbol.group.symbol_bytes = load_le<uint16_t>(at + 4);
  symbol.group.bytes = load_le<uint32_t>(at + 8);
  symbol.group.position = load_le<uint64_t>(at + 12);
  symbol.payload = datagram.subspan(kSymbolHeadBytes);
  if (load_le<uint8_t>(at) != kFormat || load_le<uint16_t>(at + 6) != 0 ||
      !within_limits(symbol.group, symbol.index)) {
    return make_error(ErrorCode::kPeerBroken,
                      "a symbol's head is beyond its limits");
  }
  const size_t wanted = symbol.group.payload_bytes(symbol.index);
  if (symbol.payload.size() != wanted) {
    return make_error(ErrorCode::kPeerBroken,
                      "a symbol has {} bytes of payload instead of {}",
                      symbol.payload.size(), wanted);
  }
  return symbol;
}

}  // namespace causeway
