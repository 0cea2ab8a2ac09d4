// GatheredPlaces: what was put in bulk and is not yet in a store: gathered in
// memory as it comes, and sorted once, when there is enough for a file. The
// memory is kept. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/content/content_index.h"

namespace causeway {

class GatheredPlaces {
 public:
  struct Entry {
    uint64_t key = 0;  // the digest's bytes, the first the highest
    ContentPlace place;
  };

  // Enough for a file: kGatheredMax.
  bool is_full() const { return entries_.size() >= kGatheredMax; }
  bool is_empty() const { return entries_.empty(); }
  void add(std::span<const ContentEntry> entries);
  // By key, one of each: the one that came last. Valid until the next call.
  std::span<const Entry> sort();
  void clear() { entries_.clear(); }

  static ContentDigest digest_of(const Entry& entry);

 private:
  std::vector<Entry> entries_;
  std::vector<Entry> sorted_;
};

}  // namespace causeway
