#include "engine/migration/reference_desk.h"

namespace causeway {

Status ReferenceDesk::offer_content(ContentIndex& index, const ContentKey& key,
                                    uint32_t workers) {
  CAUSEWAY_ASSIGN(const ContentIndexStats stats, index.stats());
  for (uint32_t i = 0; i < workers; ++i) {
    CAUSEWAY_ASSIGN(ContentIdentity identity, ContentIdentity::create(key));
    finders_.push_back(
        std::make_unique<ContentFinder>(std::move(identity), index));
  }
  offer_ = ContentOffer{key, stats.blocks};
  return {};
}

std::string ReferenceDesk::trouble() const {
  for (const auto& finder : finders_) {
    if (finder->trouble() != nullptr) return finder->trouble()->message;
  }
  return "";
}

}  // namespace causeway
