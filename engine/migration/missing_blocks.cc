#include "engine/migration/missing_blocks.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace causeway {
namespace {

// A bitmap travels as its words do.
static_assert(std::endian::native == std::endian::little);
static_assert(kMissingBlocksMax % 64 == 0);

}  // namespace

MissingBlocks::MissingBlocks(const GuestImage& image) {
  for (RegionId id = 0; id < image.regions(); ++id) {
    bitmaps_.emplace_back(image.info(id).blocks());
  }
}

std::vector<MissingMessage> MissingBlocks::take() {
  std::vector<MissingMessage> messages;
  if (!added_.exchange(false, std::memory_order_relaxed)) return messages;
  for (size_t id = 0; id < bitmaps_.size(); ++id) {
    take_region(static_cast<RegionId>(id), messages);
  }
  return messages;
}

void MissingBlocks::take_region(RegionId region,
                                std::vector<MissingMessage>& messages) {
  const BitmapView missing = bitmaps_[region].view();
  for (uint64_t first = 0; first < missing.size(); first += kMissingBlocksMax) {
    const uint64_t blocks =
        std::min<uint64_t>(kMissingBlocksMax, missing.size() - first);
    const uint64_t count = missing.count(first, blocks);
    if (count == 0) continue;
    MissingMessage message;
    message.region = region;
    message.first = first;
    message.blocks = static_cast<uint32_t>(blocks);
    if (count < blocks) {
      message.bitmap.resize((blocks + 7) / 8);
      std::memcpy(message.bitmap.data(), missing.words() + first / 64,
                  message.bitmap.size());
    }
    messages.push_back(std::move(message));
    missing.clear_range(first, blocks);
  }
}

Status mark_missing(const MissingMessage& message,
                    std::span<const Bitmap> missing) {
  if (message.region >= missing.size()) {
    return make_error(ErrorCode::kPeerBroken,
                      "the target misses blocks of region {}, the guest has {}",
                      message.region, missing.size());
  }
  const BitmapView marks = missing[message.region].view();
  if (message.first >= marks.size() ||
      message.blocks > marks.size() - message.first) {
    return make_error(ErrorCode::kPeerBroken,
                      "the target misses blocks {}+{} of a region of {}",
                      message.first, message.blocks, marks.size());
  }
  if (message.bitmap.empty()) {
    marks.set_range(message.first, message.blocks);
    return {};
  }
  for (uint32_t i = 0; i < message.blocks; ++i) {
    const auto byte = std::to_integer<unsigned>(message.bitmap[i / 8]);
    if ((byte >> i % 8 & 1) != 0) marks.set(message.first + i);
  }
  return {};
}

}  // namespace causeway
