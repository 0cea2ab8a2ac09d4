// ReferenceDesk: what the target of one migration has for references: an offer
// to the source, a finder for each worker, and what could not be found.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/content/content_finder.h"
#include "engine/migration/missing_blocks.h"

namespace causeway {

class ReferenceDesk {
 public:
  // Both outlive the desk. kIncompatible: see ContentIdentity::create(). What
  // the index answers to stats() when it is away.
  static Result<std::unique_ptr<ReferenceDesk>> open(ContentIndex& index,
                                                     const ContentKey& key,
                                                     const GuestImage& image,
                                                     uint32_t workers);

  const ContentOffer& offer() const { return offer_; }
  ContentFinder& finder(uint32_t worker) { return *finders_[worker]; }
  MissingBlocks& missing() { return missing_; }
  // Why the index is asked no more, or "".
  std::string trouble() const;

 private:
  ReferenceDesk(const ContentOffer& offer, const GuestImage& image)
      : offer_(offer), missing_(image) {}

  ContentOffer offer_;
  MissingBlocks missing_;
  std::vector<std::unique_ptr<ContentFinder>> finders_;
};

}  // namespace causeway
