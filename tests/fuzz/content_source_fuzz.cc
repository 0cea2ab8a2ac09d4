// A source as the content index stores it: what decodes is fit to be stored,
// and encodes back to the bytes that it came from.
#include <algorithm>
#include <cstdint>

#include "engine/base/assert.h"
#include "engine/content/content_place.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes(
      reinterpret_cast<const std::byte*>(data), size);
  const auto source = causeway::decode_source(bytes);
  if (!source) return 0;
  CAUSEWAY_ASSERT(causeway::check_source(*source));
  CAUSEWAY_ASSERT(std::ranges::equal(causeway::encode_source(*source), bytes));
  return 0;
}
