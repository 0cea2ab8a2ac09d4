// ContentFinder: what one worker of a target asks the content index: names in
// batches, then the contents one by one, each looked at before it is handed
// out. An index that does not answer is asked no more, and nothing is there:
// to go on without it is always right.
//
// Belongs to the worker; trouble() is for any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "engine/base/result.h"
#include "engine/content/content_reader.h"

namespace causeway {

class ContentFinder {
 public:
  // `index` outlives it.
  ContentFinder(ContentIdentity identity, ContentIndex& index)
      : index_(index), reader_(std::move(identity), index) {}

  // Asks for up to kContentBatchMax names at once; read() then goes by their
  // numbers.
  void look_up(std::span<const ContentDigest> names);

  // kBlockBytes of that content, valid until the next call; nullptr: not here.
  const std::byte* read(size_t number);

  // Why the index is asked no more, or nothing.
  const Error* trouble() const {
    return away_.load(std::memory_order_acquire) ? &trouble_ : nullptr;
  }

 private:
  ContentIndex& index_;
  ContentReader reader_;
  std::array<ContentDigest, kContentBatchMax> names_;
  std::array<std::optional<ContentPlace>, kContentBatchMax> places_;
  size_t count_ = 0;
  std::array<std::byte, kBlockBytes> block_;
  Error trouble_;
  std::atomic<bool> away_{false};
};

}  // namespace causeway
