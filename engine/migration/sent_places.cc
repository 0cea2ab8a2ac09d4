#include "engine/migration/sent_places.h"

#include <algorithm>
#include <cstdlib>

namespace causeway {

void SentPlaces::Free::operator()(void* memory) const { std::free(memory); }

SentPlaces::SentPlaces(uint64_t memory_bytes_max)
    : entries_(memory_bytes_max / sizeof(Entry)),
      table_(static_cast<Entry*>(
          std::calloc(std::max<uint64_t>(entries_, 1), sizeof(Entry)))) {
  CAUSEWAY_ASSERT(table_ != nullptr);
  static_assert(std::atomic<uint64_t>::is_always_lock_free);
}

}  // namespace causeway
