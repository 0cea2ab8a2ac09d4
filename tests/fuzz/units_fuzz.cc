// Sizes, rates and durations as an operator or a script types them.
#include <string>
#include <string_view>

#include "engine/base/assert.h"
#include "engine/base/units.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto bytes = causeway::parse_bytes(text);
  if (bytes) CAUSEWAY_ASSERT(!causeway::format_bytes(*bytes).empty());
  const auto duration = causeway::parse_duration(text);
  if (duration) CAUSEWAY_ASSERT(duration->count() >= 0);
  return 0;
}
