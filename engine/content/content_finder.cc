#include "engine/content/content_finder.h"

#include <algorithm>

#include "engine/base/assert.h"

namespace causeway {

void ContentFinder::look_up(std::span<const ContentDigest> names) {
  CAUSEWAY_ASSERT(names.size() <= kContentBatchMax);
  count_ = names.size();
  std::copy(names.begin(), names.end(), names_.begin());
  std::fill_n(places_.begin(), count_, std::nullopt);
  if (trouble() != nullptr) return;
  const auto asked = std::span(names_).first(count_);
  auto found = index_.find(asked, std::span(places_).first(count_));
  if (found) return;
  std::fill_n(places_.begin(), count_, std::nullopt);
  trouble_ = std::move(found).error();
  away_.store(true, std::memory_order_release);
}

const std::byte* ContentFinder::read(size_t number) {
  CAUSEWAY_ASSERT(number < count_);
  if (!places_[number]) return nullptr;
  return reader_.read(*places_[number], names_[number], block_) ? block_.data()
                                                                : nullptr;
}

bool ContentFinder::read_piece(std::optional<size_t> number, ContentCut cut,
                               const ContentDigest& name,
                               std::span<std::byte> out) {
  CAUSEWAY_ASSERT(!number || (*number < count_ && names_[*number] == name));
  if (number && places_[*number]) {
    const ContentPlace& place = *places_[*number];
    if (const auto at = reader_.read_piece(place, cut, name, out)) {
      beside_ = place.source;
      beside_bytes_ = *at + out.size();
      beside_misses_ = 0;
      return true;
    }
  }
  if (beside_ == 0) return false;
  const bool there = reader_.read_at(beside_, beside_bytes_, name, out);
  // What was changed in place goes on behind the change.
  beside_bytes_ += out.size();
  beside_misses_ = there ? 0 : beside_misses_ + 1;
  if (beside_misses_ == kPieceMissesMax) beside_ = 0;
  return there;
}

}  // namespace causeway
