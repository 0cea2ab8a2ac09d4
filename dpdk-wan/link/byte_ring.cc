#include "dpdk-wan/link/byte_ring.h"

#include "engine/base/assert.h"

namespace causeway {

ByteRing::ByteRing(size_t capacity_bytes)
    : bytes_(std::make_unique_for_overwrite<std::byte[]>(capacity_bytes)),
      mask_(capacity_bytes - 1) {
  CAUSEWAY_ASSERT(capacity_bytes > 0 && (capacity_bytes & mask_) == 0);
}

}  // namespace causeway
