// DigestTable: the digest of every block of one region, and a root over all
// of them that is kept up to date with each change, so that comparing two
// ends costs nothing inside the blackout.
//
// root = sum over blocks of mix(block, digest) mod 2^64, zero blocks adding 0:
// an incremental multiset hash (Bellare and Micciancio, "A new paradigm for
// collision-free hashing", 1997), enough against faults; the digests are keyed.
//
// Any thread; one block is set by one thread at a time, and read by any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "engine/guest/region.h"

namespace causeway {

class DigestTable {
 public:
  explicit DigestTable(uint64_t blocks);
  // Only while no other thread has it (set-up).
  DigestTable(DigestTable&& other) noexcept
      : digests_(std::move(other.digests_)),
        blocks_(other.blocks_),
        root_(other.root()) {}

  uint64_t blocks() const { return blocks_; }
  uint64_t at(uint64_t block) const {
    return std::atomic_ref(digests_[block]).load(std::memory_order_relaxed);
  }

  // Sets the digests of [first, first + digests.size()).
  void set(uint64_t first, std::span<const uint64_t> digests);
  void set_zero(uint64_t first, uint64_t count);

  uint64_t root() const { return root_.load(std::memory_order_relaxed); }

 private:
  struct Free {
    void operator()(uint64_t* memory) const;
  };
  // calloc'd: pages of a sparse guest's table are never touched.
  std::unique_ptr<uint64_t[], Free> digests_;
  uint64_t blocks_;
  std::atomic<uint64_t> root_{0};
};

}  // namespace causeway
