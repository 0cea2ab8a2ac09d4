// ImageProof: reads every block of an image again and compares it with the
// digest table, a bounded piece a step (design 6a: "frozen" at the source
// after commit, "strict" at both ends before it).
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "engine/base/result.h"
#include "engine/guest/data_cursor.h"
#include "engine/migration/image.h"

namespace causeway {

class ImageProof {
 public:
  explicit ImageProof(GuestImage& image);

  // Checks the next piece; true once all is checked. An Error
  // (kContentMismatch) names the first block that differs.
  Result<bool> step();

  uint64_t checked_blocks() const { return checked_blocks_; }

 private:
  Status check(RegionId region, uint64_t first, uint64_t count);
  Status check_hole(RegionId region, uint64_t first, uint64_t end) const;

  GuestImage& image_;
  std::vector<std::byte> scratch_;
  RegionId region_ = 0;
  std::optional<DataCursor> data_;  // of that region
  uint64_t next_block_ = 0;
  uint64_t checked_blocks_ = 0;
};

}  // namespace causeway
