#include "engine/migration/reference_desk.h"

namespace causeway {

Result<std::unique_ptr<ReferenceDesk>> ReferenceDesk::open(
    ContentIndex& index, const ContentKey& key, const GuestImage& image,
    uint32_t workers) {
  CAUSEWAY_ASSIGN(const ContentIndexStats stats, index.stats());
  std::unique_ptr<ReferenceDesk> desk(
      new ReferenceDesk(ContentOffer{key, stats.blocks}, image));
  for (uint32_t i = 0; i < workers; ++i) {
    CAUSEWAY_ASSIGN(ContentIdentity identity, ContentIdentity::create(key));
    desk->finders_.push_back(
        std::make_unique<ContentFinder>(std::move(identity), index));
  }
  return desk;
}

std::string ReferenceDesk::trouble() const {
  for (const auto& finder : finders_) {
    if (finder->trouble() != nullptr) return finder->trouble()->message;
  }
  return "";
}

}  // namespace causeway
