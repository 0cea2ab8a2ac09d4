// What a Redis server answers when a slot is elsewhere, and what an operator
// calls a Redis cluster: what is read of either is fit to be connected to.
#include <cstdint>

#include "engine/base/assert.h"
#include "engine/content/index_location.h"
#include "engine/content/redis_content_index.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto redirect = causeway::parse_redis_redirect(text);
  if (redirect) {
    const auto& node = redirect->node;
    CAUSEWAY_ASSERT(redirect->slot < causeway::kRedisSlots && node.port > 0);
    CAUSEWAY_ASSERT(node.host.empty() || causeway::is_redis_host(node.host));
    CAUSEWAY_ASSERT(node.host.empty() ||
                    causeway::parse_redis_node(node.text()) == node);
  }
  CAUSEWAY_ASSERT(causeway::redis_slot(text) < causeway::kRedisSlots);
  const auto location = causeway::parse_index_location(text);
  if (location && location->folder.empty()) {
    CAUSEWAY_ASSERT(!location->nodes.empty());
    CAUSEWAY_ASSERT(causeway::is_redis_prefix(location->prefix));
  }
  return 0;
}
