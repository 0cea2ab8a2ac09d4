// ReferenceDesk: what the target of one migration has for references: what
// could not be found and, with a content index, an offer to the source and a
// finder for each worker.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/content/content_finder.h"
#include "engine/migration/missing_blocks.h"

namespace causeway {

class ReferenceDesk {
 public:
  explicit ReferenceDesk(const GuestImage& image) : missing_(image) {}

  // Once, before the source is answered; `index` outlives the desk.
  // kIncompatible: see ContentIdentity::create(); or what the index says when
  // it is asked how much it has. Nothing is offered then.
  Status offer_content(ContentIndex& index, const ContentKey& key,
                       uint32_t workers);

  const std::optional<ContentOffer>& offer() const { return offer_; }
  // nullptr: nothing was offered.
  ContentFinder* finder(uint32_t worker) {
    return offer_ ? finders_[worker].get() : nullptr;
  }
  MissingBlocks& missing() { return missing_; }
  // Why the index is asked no more, or "".
  std::string trouble() const;

 private:
  MissingBlocks missing_;
  std::vector<std::unique_ptr<ContentFinder>> finders_;
  std::optional<ContentOffer> offer_;
};

}  // namespace causeway
