// DataCursor: walks the data runs of one store in ascending order. The kernel
// looks for the end of a run page by page (SEEK_HOLE, about 25 ns each), so it
// is asked once a run, not once a piece. A run that was seen stays data: holes
// fill, they do not come back while a guest is moved.
#pragma once

#include <algorithm>

#include "engine/guest/block_store.h"

namespace causeway {

class DataCursor {
 public:
  explicit DataCursor(BlockStore& store) : store_(store) {}

  // As BlockStore::next_data().
  Result<BitRun> next(uint64_t from, uint64_t end) {
    if (from < run_.first || from >= run_.end()) {
      CAUSEWAY_ASSIGN(run_, store_.next_data(from, store_.info().blocks()));
    }
    const uint64_t first = std::max(from, run_.first);
    if (run_.count == 0 || first >= end) return BitRun{end, 0};
    return BitRun{first, std::min(run_.end(), end) - first};
  }

 private:
  BlockStore& store_;
  BitRun run_;  // of which nothing before the last `from` matters
};

}  // namespace causeway
