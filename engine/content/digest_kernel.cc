// Built three times (CMakeLists.txt) with CAUSEWAY_DIGEST_KERNEL as the name
// and the vector unit's flags; xxhash.h is static here and takes the widest
// unit that the flags allow. Nothing else may be included: an inline function
// of another header, built with these flags, could be linked in elsewhere.
#include "engine/content/digest_kernel.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace causeway {

uint64_t CAUSEWAY_DIGEST_KERNEL(const std::byte* block, uint64_t key) {
  return XXH3_64bits_withSeed(block, 4096, key);
}

}  // namespace causeway
