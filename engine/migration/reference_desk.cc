#include "engine/migration/reference_desk.h"

#include <array>

#include "engine/content/index_record.h"

namespace causeway {

namespace {

Result<uint8_t> cuts_of(ContentIndex& index, const ContentKey& key) {
  std::array<ContentDigest, kContentCuts> names;
  for (size_t i = 0; i < names.size(); ++i) {
    CAUSEWAY_ASSIGN(names[i], domain_name(key, static_cast<ContentCut>(i)));
  }
  std::array<std::optional<ContentPlace>, kContentCuts> places;
  CAUSEWAY_TRY(index.find(names, places));
  // What guests have brought is there by blocks, and nobody has said so.
  uint8_t cuts = cut_bit(ContentCut::kBlocks);
  for (size_t i = 0; i < names.size(); ++i) {
    if (places[i]) cuts |= cut_bit(static_cast<ContentCut>(i));
  }
  return cuts;
}

}  // namespace

Status ReferenceDesk::offer_content(ContentIndex& index, const ContentKey& key,
                                    uint32_t workers) {
  CAUSEWAY_ASSIGN(const ContentIndexStats stats, index.stats());
  CAUSEWAY_ASSIGN(const uint8_t cuts, cuts_of(index, key));
  for (uint32_t i = 0; i < workers; ++i) {
    CAUSEWAY_ASSIGN(ContentIdentity identity, ContentIdentity::create(key));
    finders_.push_back(
        std::make_unique<ContentFinder>(std::move(identity), index));
  }
  offer_ = ContentOffer{key, stats.blocks, cuts};
  return {};
}

std::string ReferenceDesk::trouble() const {
  for (const auto& finder : finders_) {
    if (finder->trouble() != nullptr) return finder->trouble()->message;
  }
  return "";
}

}  // namespace causeway
