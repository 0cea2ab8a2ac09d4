// MissingBlocks: the blocks of a target that came as references to content that
// is not here (any more): the source must send them in full. The workers add,
// the session takes and tells the source.
#pragma once

#include <atomic>
#include <vector>

#include "engine/base/bitmap.h"
#include "engine/migration/image.h"
#include "engine/migration/messages.h"

namespace causeway {

class MissingBlocks {
 public:
  explicit MissingBlocks(const GuestImage& image);

  // Any worker.
  void add(RegionId region, uint64_t block) {
    bitmaps_[region].view().set(block);
    added_.store(true, std::memory_order_relaxed);
  }

  // Session, while no worker adds (a fence has landed): what was added since
  // the last take, as messages.
  std::vector<MissingMessage> take();

 private:
  void take_region(RegionId region, std::vector<MissingMessage>& messages);

  std::vector<Bitmap> bitmaps_;
  std::atomic<bool> added_{false};
};

// Sets the bits that the message names. kPeerBroken: it names what a guest of
// these sizes has not; `missing` is by region.
Status mark_missing(const MissingMessage& message,
                    std::span<const Bitmap> missing);

}  // namespace causeway
