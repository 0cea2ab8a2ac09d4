#include "engine/runtime/node_buffer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "engine/base/assert.h"

namespace causeway {

Result<NodeBuffer> NodeBuffer::allocate(const Topology& topology, unsigned node,
                                        size_t bytes) {
  CAUSEWAY_ASSERT(bytes > 0);
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t rounded = (bytes + page - 1) / page * page;
  void* memory = ::mmap(nullptr, rounded, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return errno_error(
        errno, fmt::format("A buffer of {} bytes cannot be made", rounded));
  }
  NodeBuffer buffer(std::span(static_cast<std::byte*>(memory), rounded));
  CAUSEWAY_TRY(topology.bind_memory(buffer.bytes(), node));
  // In small pages: a worker has about 1 MiB, and to clear a huge page can take
  // milliseconds before the first block (measured 3 ms a MiB).
  if (::madvise(memory, rounded, MADV_POPULATE_WRITE) != 0) {
    return errno_error(errno,
                       fmt::format("NUMA node {} cannot give {} bytes of "
                                   "memory for a buffer",
                                   node, rounded));
  }
  return buffer;
}

NodeBuffer& NodeBuffer::operator=(NodeBuffer&& other) noexcept {
  std::swap(memory_, other.memory_);
  return *this;
}

NodeBuffer::~NodeBuffer() {
  if (!memory_.empty()) ::munmap(memory_.data(), memory_.size());
}

}  // namespace causeway
