#include "engine/content/digest.h"

#include "engine/codec/zero.h"
#include "engine/content/digest_kernel.h"

namespace causeway {
namespace {

static_assert(kBlockBytes == 4096, "the kernels are built for this size");

DigestKernel pick_kernel() {
  if (__builtin_cpu_supports("avx512f")) return digest_kernel_avx512;
  if (__builtin_cpu_supports("avx2")) return digest_kernel_avx2;
  return digest_kernel_sse2;
}

const DigestKernel kernel = pick_kernel();

}  // namespace

uint64_t digest_block(const std::byte* block, uint64_t key) {
  const uint64_t digest = kernel(block, key);
  return digest == kZeroDigest ? 1 : digest;
}

uint64_t digest_any_block(const std::byte* block, uint64_t key) {
  return is_zero_block(block) ? kZeroDigest : digest_block(block, key);
}

}  // namespace causeway
