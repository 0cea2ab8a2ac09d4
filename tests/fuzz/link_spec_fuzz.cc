// Links, settings and scripts as operators and scripts write them: whatever is
// taken is within the limits, and a link can be set to it.
#include <string_view>

#include "engine/base/assert.h"
#include "tools/wan-emulator/change.h"
#include "tools/wan-emulator/limits.h"
#include "tools/wan-emulator/link.h"
#include "tools/wan-emulator/link_spec.h"

namespace {

using namespace causeway;  // NOLINT: a fuzz target is one function

bool is_share(double value) { return value >= 0 && value <= 1; }

void use(const LinkSettings& settings) {
  CAUSEWAY_ASSERT(settings.rate_bits_s <= kLinkRateBitsMax);
  CAUSEWAY_ASSERT(settings.delay >= settings.jitter);
  CAUSEWAY_ASSERT(settings.jitter >= Duration::zero());
  CAUSEWAY_ASSERT(settings.delay <= kLinkDelayMax);
  CAUSEWAY_ASSERT(is_share(settings.reorder));
  CAUSEWAY_ASSERT(is_share(settings.loss.to_bad));
  CAUSEWAY_ASSERT(is_share(settings.loss.to_good));
  CAUSEWAY_ASSERT(is_share(mean_loss(settings.loss)));
  CAUSEWAY_ASSERT(queue_limit(settings) <= kLinkQueueBytesMax);
  Link link(2, 1);
  const Instant now{std::chrono::seconds(1)};
  link.set(now, settings);
  CAUSEWAY_ASSERT(link.offer(now, 0, 1500));
  CAUSEWAY_ASSERT(link.next_arrival() >= now);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto spec = parse_link_spec(text)) use(spec->settings());
  if (const auto settings = parse_link_settings(text, {})) use(*settings);
  LinkPair links;
  if (const auto script = parse_script(text, links)) {
    for (const Change& change : *script) {
      CAUSEWAY_ASSERT(apply_change(change, &links));
      for (const LinkSettings& each : links) use(each);
    }
  }
  return 0;
}
