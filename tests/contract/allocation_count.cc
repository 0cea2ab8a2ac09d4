#include "tests/contract/allocation_count.h"

#include <cstdlib>
#include <new>

namespace causeway {

std::atomic<uint64_t> allocations{0};

}  // namespace causeway

// Not inlined: GCC would take malloc and delete for a mismatched pair.
[[gnu::noinline]] void* operator new(size_t bytes) {
  causeway::allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
