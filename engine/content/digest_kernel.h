// XXH3 over one block, compiled once for each vector unit that pays: Debian's
// library has SSE2 only (7 GB/s where AVX-512 gives 25), and the value is the
// same for all. digest.cc picks one when the program starts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace causeway {

using DigestKernel = uint64_t (*)(const std::byte* block, uint64_t key);

uint64_t digest_kernel_sse2(const std::byte* block, uint64_t key);
uint64_t digest_kernel_avx2(const std::byte* block, uint64_t key);
uint64_t digest_kernel_avx512(const std::byte* block, uint64_t key);

}  // namespace causeway
