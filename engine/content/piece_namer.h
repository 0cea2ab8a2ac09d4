// PieceNamer: the source's side of pieces: cuts blocks and names what they are
// cut into, so that the target may look for it where no block begins. Owned by
// one thread.
#pragma once

#include <utility>

#include "engine/codec/content_pieces.h"
#include "engine/content/content_cutter.h"
#include "engine/content/content_identity.h"

namespace causeway {

// How a source names content.
struct Naming {
  ContentKey key{};
  ContentCut cut = ContentCut::kBlocks;
};

class PieceNamer final : public ContentPieces {
 public:
  // `cut` is not kBlocks.
  PieceNamer(ContentIdentity identity, ContentCut cut);

  ContentCut cut() const { return cut_; }
  size_t cut(std::span<const std::byte> bytes,
             std::span<ContentPiece> out) override;

 private:
  size_t cut_sectors(std::span<const std::byte> bytes,
                     std::span<ContentPiece> out);
  size_t cut_by_content(std::span<const std::byte> bytes,
                        std::span<ContentPiece> out);

  ContentIdentity identity_;
  ContentCut cut_;
};

}  // namespace causeway
