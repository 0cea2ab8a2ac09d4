#include "dpdk-wan/fec/symbol_records.h"

#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"

namespace causeway {

void encode_record_head(size_t symbol_bytes,
                        std::span<std::byte, kSymbolRecordHeadBytes> out) {
  CAUSEWAY_ASSERT(symbol_bytes <= kSymbolWireBytesMax);
  out[0] = static_cast<std::byte>(symbol_bytes & 0xff);
  out[1] = static_cast<std::byte>(symbol_bytes >> 8);
}

Status SymbolRecords::take(std::span<const std::byte> bytes, Taker& taker) {
  while (!bytes.empty()) {
    size_t wanted = kSymbolRecordHeadBytes;
    if (got_ >= kSymbolRecordHeadBytes) {
      wanted += static_cast<size_t>(record_[0]) |
                static_cast<size_t>(record_[1]) << 8;
    }
    if (wanted > record_.size()) {
      return make_error(ErrorCode::kPeerBroken,
                        "a record of {} bytes is longer than any symbol",
                        wanted);
    }
    const size_t count = std::min(bytes.size(), wanted - got_);
    std::memcpy(&record_[got_], bytes.data(), count);
    got_ += count;
    bytes = bytes.subspan(count);
    if (got_ < wanted || got_ == kSymbolRecordHeadBytes) {
      const bool empty = got_ == kSymbolRecordHeadBytes &&
                         record_[0] == std::byte{0} &&
                         record_[1] == std::byte{0};
      if (empty) got_ = 0;
      continue;
    }
    got_ = 0;
    CAUSEWAY_TRY(taker.take_symbol(
        std::span(record_).first(wanted).subspan(kSymbolRecordHeadBytes)));
  }
  return {};
}

}  // namespace causeway
