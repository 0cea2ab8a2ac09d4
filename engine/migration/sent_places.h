// SentPlaces: digest -> where in the guest a content was sent from last: a
// table of fixed size that forgets, shared by the senders of a migration. Hints
// alone: an entry may be old, or torn between two writers.
//
// EarlierBlocks looks at what a hint speaks of: one sender's view of it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "engine/codec/earlier_content.h"
#include "engine/migration/image.h"

namespace causeway {

class SentPlaces {
 public:
  // Memory, at most: 16 bytes an entry, touched as it is used.
  explicit SentPlaces(uint64_t memory_bytes_max);

  // Any thread.
  void note(RegionId region, uint64_t block, uint64_t digest);
  std::optional<BlockCopy> find(uint64_t digest) const;

 private:
  struct Entry {
    std::atomic<uint64_t> digest;  // 0: free
    std::atomic<uint64_t> place;
  };
  Entry& entry_of(uint64_t digest) const;

  struct Free {
    void operator()(void* memory) const;
  };
  uint64_t entries_;
  std::unique_ptr<Entry[], Free> table_;  // all zero is an empty one
};

class EarlierBlocks final : public EarlierContent {
 public:
  // Both outlive it.
  EarlierBlocks(SentPlaces& places, GuestImage& image)
      : places_(places), image_(image) {}

  bool find(RegionId region, uint64_t block, const std::byte* bytes,
            uint64_t digest, BlockCopy& from) override;
  void note(RegionId region, uint64_t block, uint64_t digest) override {
    places_.note(region, block, digest);
  }

 private:
  SentPlaces& places_;
  GuestImage& image_;
  std::array<std::byte, kBlockBytes> scratch_;
};

}  // namespace causeway
