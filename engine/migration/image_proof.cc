#include "engine/migration/image_proof.h"

#include <algorithm>

#include "engine/content/digest.h"
#include "engine/migration/limits.h"

namespace causeway {
namespace {

constexpr int kPiecesAStep = 16;

Error mismatch(const RegionInfo& info, uint64_t block) {
  return make_error(ErrorCode::kContentMismatch,
                    "proof of content: block {} of {} (byte {}) is not what "
                    "the target proved to have",
                    block, info.name, block * kBlockBytes);
}

}  // namespace

ImageProof::ImageProof(GuestImage& image)
    : image_(image), scratch_(kPutBytesMax) {}

Result<bool> ImageProof::step() {
  for (int piece = 0; piece < kPiecesAStep; ++piece) {
    if (region_ == image_.regions()) return true;
    const uint64_t blocks = image_.info(region_).blocks();
    if (!data_) data_.emplace(image_.store(region_));
    CAUSEWAY_ASSIGN(const BitRun data, data_->next(next_block_, blocks));
    CAUSEWAY_TRY(check_hole(region_, next_block_,
                            data.count == 0 ? blocks : data.first));
    const uint64_t count = std::min(data.count, kPutBlocksMax);
    if (count > 0) CAUSEWAY_TRY(check(region_, data.first, count));
    next_block_ = count == 0 ? blocks : data.first + count;
    if (next_block_ == blocks) {
      ++region_;
      data_.reset();
      next_block_ = 0;
    }
  }
  return region_ == image_.regions();
}

Status ImageProof::check(RegionId region, uint64_t first, uint64_t count) {
  CAUSEWAY_ASSIGN(const auto bytes,
                  image_.store(region).read(first, count, scratch_));
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t digest =
        digest_any_block(bytes.data() + i * kBlockBytes, image_.digest_key());
    if (digest != image_.digests(region).at(first + i)) {
      return mismatch(image_.info(region), first + i);
    }
  }
  checked_blocks_ += count;
  return {};
}

Status ImageProof::check_hole(RegionId region, uint64_t first,
                              uint64_t end) const {
  for (uint64_t block = first; block < end; ++block) {
    if (image_.digests(region).at(block) != kZeroDigest) {
      return mismatch(image_.info(region), block);
    }
  }
  return {};
}

}  // namespace causeway
