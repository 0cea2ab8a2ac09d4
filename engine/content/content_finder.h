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

  // Whether `out` now has the piece of content (content_cutter.h) of that name;
  // if not, it has anything. Looks where the index has it, if the name is one
  // of those looked up, and else behind the last piece that was found: the ends
  // of a frame's blocks are no whole pieces, but go on where another ended.
  bool read_piece(std::optional<size_t> number, ContentCut cut,
                  const ContentDigest& name, std::span<std::byte> out);

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
  // Behind the last piece: any byte.
  ContentSourceId beside_ = 0;  // 0: nowhere
  uint64_t beside_bytes_ = 0;
  int beside_misses_ = 0;
  Error trouble_;
  std::atomic<bool> away_{false};
};

}  // namespace causeway
