#include "engine/content/digest.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/codec/zero.h"

namespace causeway {

uint64_t digest_block(const std::byte* block, uint64_t key) {
  const uint64_t digest = XXH3_64bits_withSeed(block, kBlockBytes, key);
  return digest == kZeroDigest ? 1 : digest;
}

uint64_t digest_any_block(const std::byte* block, uint64_t key) {
  return is_zero_block(block) ? kZeroDigest : digest_block(block, key);
}

}  // namespace causeway
