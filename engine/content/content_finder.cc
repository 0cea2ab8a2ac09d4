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

}  // namespace causeway
