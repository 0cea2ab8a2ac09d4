// What RamStore and DiskStore share: sizes and holes of a file.
#pragma once

#include "engine/base/bitmap.h"
#include "engine/base/result.h"
#include "engine/base/unique_fd.h"
#include "engine/guest/region.h"

namespace causeway {

// A duplicate of `fd` (close-on-exec), once the file or device behind it is
// known to be at least as long as the region.
Result<UniqueFd> adopt_region_fd(const RegionInfo& info, int fd);

// BlockStore::next_data over SEEK_DATA and SEEK_HOLE. A file system that
// cannot tell (hugetlbfs) has no holes: all is data.
Result<BitRun> next_data_extent(const RegionInfo& info, int fd, uint64_t from,
                                uint64_t end);

}  // namespace causeway
