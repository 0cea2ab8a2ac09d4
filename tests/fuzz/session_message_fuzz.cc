// The control messages of a migration: whatever decodes encodes back to the
// bytes that it came from.
#include <cstdint>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/migration/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes(
      reinterpret_cast<const std::byte*>(data), size);
  const auto message = causeway::decode_message(bytes);
  if (!message) return 0;
  const auto again =
      causeway::decode_message(causeway::encode_message(*message));
  CAUSEWAY_ASSERT(again && again->index() == message->index());
  return 0;
}
