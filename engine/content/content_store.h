// ContentStore: a ContentIndex that outlives its process, with what it takes to
// keep it in order: which sources it has, what was noted of each, and its
// entries one after another. rocksdb_content_index.h and redis_content_index.h
// implement it; tests/contract/content_store_contract.h is its suite.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/content/content_index.h"

namespace causeway {

struct KeptSource {
  ContentSourceId id = 0;
  ContentSource source;
  std::vector<std::byte> note;  // empty when there is none
};

class ContentStore : public ContentIndex {
 public:
  // All of them, by number.
  virtual Result<std::vector<KeptSource>> sources() = 0;
  // Replaces what was noted of the source; it goes when that is erased.
  // kNotFound. At most kContentNoteBytesMax.
  virtual Status note(ContentSourceId id, std::span<const std::byte> note) = 0;

  // Appends the entries of living sources whose digest begins with a number of
  // kContentPartBits bits in [part, part + count): any part is a fair sample.
  // count >= 1, part + count <= kContentParts.
  virtual Status scan(uint32_t part, uint32_t count,
                      std::vector<ContentEntry>* entries) = 0;

  // When it returns, what was put before outlives this process.
  virtual Status flush() = 0;
  // flush(), and lets go of what erased sources have left. May take long.
  virtual Status compact() = 0;
};

// The part that a digest is in.
inline uint32_t part_of(const ContentDigest& digest) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(digest[i]); };
  static_assert(kContentPartBits == 20);
  return byte(0) << 12 | byte(1) << 4 | byte(2) >> 4;
}

}  // namespace causeway
