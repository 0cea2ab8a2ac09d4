// SentVersions: what the source last sent of the blocks that it sends most:
// the bases of deltas. A bounded cache, eight places a set; what was found once
// stays longer than what only passed by, so that a hot set larger than the
// cache keeps a part of itself in it instead of chasing itself out.
//
// Any thread, without waiting: a set that another thread is using is passed
// over, so that what is found may be out of date. Who asks therefore says the
// digest of what the target now has; what does not agree is not found.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "engine/guest/region.h"

namespace causeway {

class SentVersions {
 public:
  // Memory in all, at most; it is touched as it is used. Less than one set
  // (32 KiB and some) remembers nothing.
  explicit SentVersions(uint64_t memory_bytes_max);

  // Copies the content of that digest to `out`, if it is here.
  bool find(RegionId region, uint64_t block, uint64_t digest,
            std::span<std::byte, kBlockBytes> out);

  // Blocks of that version are sent from where they lie, not from a copy: what
  // the target gets may be newer than the digest that was taken of it, and then
  // an entry of an older version may agree with the digest alone. Such entries
  // are found no more.
  void sent_in_place(Version version);

  // `bytes` stand still.
  void note(RegionId region, uint64_t block, Version version, uint64_t digest,
            const std::byte* bytes);

  uint64_t blocks_max() const { return sets_ * kWays; }
  uint64_t memory_bytes() const { return sets_ * kSetBytes; }

 private:
  static constexpr size_t kWays = 8;
  struct Place {
    uint64_t key;  // 0: free
    uint64_t digest;
    Version version;
  };
  // All zero is an empty one: calloc makes it.
  struct Set {
    std::atomic<uint8_t> busy;
    uint8_t found;  // bit a way: at least once since it came
    Place places[kWays];
  };
  static constexpr uint64_t kSetBytes = sizeof(Set) + kWays * kBlockBytes;

  class Hold;
  Set& set_of(uint64_t key);
  std::byte* bytes_of(const Set& set, size_t way);
  static std::optional<size_t> way_of(const Set& set, uint64_t key);
  static std::optional<size_t> place_for(const Set& set, Version now);

  struct Free {
    void operator()(void* memory) const;
  };
  std::atomic<Version> in_place_{0};
  uint64_t sets_;
  std::unique_ptr<Set[], Free> table_;
  std::unique_ptr<std::byte[], Free> contents_;  // way after way of each set
};

}  // namespace causeway
