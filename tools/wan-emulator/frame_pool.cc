#include "tools/wan-emulator/frame_pool.h"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

namespace causeway {

Result<FramePool> FramePool::create(size_t slot_bytes, uint64_t bytes) {
  constexpr size_t kCacheLine = 64;
  FramePool pool;
  pool.slot_bytes_ = (slot_bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
  pool.slots_ = bytes / pool.slot_bytes_;
  CAUSEWAY_ASSERT(pool.slots_ > 0 && pool.slots_ < kNone);
  void* memory =
      ::mmap(nullptr, pool.slots_ * pool.slot_bytes_, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return errno_error(errno, "memory for frames");
  pool.memory_ = static_cast<std::byte*>(memory);
  pool.free_.resize(pool.slots_);
  while (pool.free_count_ < pool.slots_) {
    pool.put(static_cast<uint32_t>(pool.slots_ - pool.free_count_ - 1));
  }
  return pool;
}

FramePool::FramePool(FramePool&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)),
      slot_bytes_(other.slot_bytes_),
      slots_(other.slots_),
      free_count_(other.free_count_),
      free_(std::move(other.free_)) {}

FramePool::~FramePool() {
  if (memory_ != nullptr) ::munmap(memory_, slots_ * slot_bytes_);
}

}  // namespace causeway
