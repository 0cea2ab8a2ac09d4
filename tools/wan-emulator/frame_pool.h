// FramePool: memory for the frames that are under way in one direction. Slots
// of one size; the last one given back is given out first, since it is warm in
// the cache. The system gives the memory when a slot is first written.
//
// One thread; take() and put() allocate nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/base/result.h"

namespace causeway {

class FramePool {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // As many slots of `slot_bytes` (rounded up to cache lines) as fit `bytes`.
  static Result<FramePool> create(size_t slot_bytes, uint64_t bytes);
  FramePool(FramePool&& other) noexcept;
  FramePool& operator=(FramePool&&) = delete;
  ~FramePool();

  size_t slots() const { return slots_; }
  // kNone: all are in use.
  uint32_t take() {
    if (free_count_ == 0) return kNone;
    return free_[--free_count_];
  }
  void put(uint32_t slot) { free_[free_count_++] = slot; }
  std::byte* data(uint32_t slot) const { return memory_ + slot * slot_bytes_; }

 private:
  FramePool() = default;

  std::byte* memory_ = nullptr;
  size_t slot_bytes_ = 0;
  size_t slots_ = 0;
  size_t free_count_ = 0;
  std::vector<uint32_t> free_;
};

}  // namespace causeway
