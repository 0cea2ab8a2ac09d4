#include "engine/codec/sent_versions.h"

#include <cstdlib>

#include "engine/base/assert.h"
#include "engine/base/limits.h"

namespace causeway {

void SentVersions::Free::operator()(void* memory) const { std::free(memory); }

// calloc'd: what is never used stays untouched pages of zeros.
SentVersions::SentVersions(uint64_t memory_bytes_max)
    : sets_(memory_bytes_max / kSetBytes),
      table_(static_cast<Set*>(std::calloc(sets_ + 1, sizeof(Set)))),
      contents_(static_cast<std::byte*>(
          std::calloc(sets_ * kWays + 1, kBlockBytes))) {
  CAUSEWAY_ASSERT(table_ != nullptr && contents_ != nullptr);
  static_assert(std::atomic<uint8_t>::is_always_lock_free);
}

}  // namespace causeway
