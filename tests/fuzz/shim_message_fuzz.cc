// The decoders of the shim protocol: every payload decoder sees every input,
// whatever its type says, as a broken peer may send anything anywhere.
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/assert.h"
#include "hypervisor-shim/protocol/limits.h"
#include "hypervisor-shim/protocol/message.h"

namespace {

using namespace causeway;        // NOLINT
using namespace causeway::shim;  // NOLINT

// What was believed must be within the limits, and survive a round trip.
void check_hello(std::span<const std::byte> payload) {
  const auto spec = decode_hello(payload);
  if (!spec) return;
  CAUSEWAY_ASSERT(spec->regions.size() <= kRegionsMax);
  CAUSEWAY_ASSERT(spec->features.size() <= kFeaturesBytesMax);
  for (const RegionInfo& region : spec->regions) {
    CAUSEWAY_ASSERT(region.bytes != 0 && region.bytes <= kRegionBytesMax);
    CAUSEWAY_ASSERT(region.bytes % kBlockBytes == 0);
  }
  const Packet packet = encode_hello(*spec);
  const auto again = decode_message(packet);
  CAUSEWAY_ASSERT(again.has_value());
  CAUSEWAY_ASSERT(again->payload.size() == payload.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto packet = std::as_bytes(std::span(data, size));
  if (size > kShimMessageBytesMax) return 0;
  const auto message = decode_message(packet);
  if (!message) return 0;
  const auto payload = message->payload;
  check_hello(payload);
  (void)decode_error(payload);
  (void)decode_empty(payload).has_value();
  (void)decode_died(payload).has_value();
  (void)decode_version(payload).has_value();
  if (const auto moment = decode_moment(payload))
    CAUSEWAY_ASSERT(*moment >= Instant{} && *moment <= kNever);
  (void)decode_features(payload).has_value();
  (void)decode_range(payload).has_value();
  if (const auto bytes = decode_blob_bytes(payload))
    CAUSEWAY_ASSERT(*bytes <= kStateBytesMax);
  return 0;
}
