#include "engine/codec/zero.h"

#include <isa-l/mem_routines.h>

#include "engine/base/assert.h"

namespace causeway {

bool is_zero_block(const std::byte* block) {
  // isal_zero_detect takes a non-const pointer but only reads.
  return isal_zero_detect(const_cast<std::byte*>(block), kBlockBytes) == 0;
}

bool is_zero(std::span<const std::byte> bytes) {
  return isal_zero_detect(const_cast<std::byte*>(bytes.data()), bytes.size()) ==
         0;
}

ZeroRun leading_run(std::span<const std::byte> bytes) {
  CAUSEWAY_ASSERT(bytes.size() >= kBlockBytes &&
                  bytes.size() % kBlockBytes == 0);
  const uint64_t blocks = bytes.size() / kBlockBytes;
  const bool zero = is_zero_block(bytes.data());
  uint64_t count = 1;
  while (count < blocks &&
         is_zero_block(bytes.data() + count * kBlockBytes) == zero) {
    ++count;
  }
  return {count, zero};
}

}  // namespace causeway
