// A run of data or of holes of a region, as SEEK_DATA sees it.
#pragma once

#include <cstdint>

#include "engine/base/bitmap.h"
#include "engine/base/result.h"
#include "engine/guest/data_cursor.h"

namespace causeway {

struct DataRun {
  BitRun blocks;
  bool hole = false;
};

// The longest within [first, end) that has the block, which is in there.
Result<DataRun> run_around(DataCursor& data, uint64_t block, uint64_t first,
                           uint64_t end);

}  // namespace causeway
