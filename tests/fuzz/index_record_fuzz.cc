// What an index says of how far a file is: what decodes encodes back to the
// bytes that it came from.
#include <algorithm>
#include <cstdint>

#include "engine/base/assert.h"
#include "engine/content/index_record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes(
      reinterpret_cast<const std::byte*>(data), size);
  const auto records = causeway::decode_index_records(bytes);
  if (!records || bytes.empty()) return 0;
  for (const auto& record : *records) {
    CAUSEWAY_ASSERT(record.done_bytes <= record.size_bytes);
  }
  CAUSEWAY_ASSERT(
      std::ranges::equal(causeway::encode_index_records(*records), bytes));
  return 0;
}
