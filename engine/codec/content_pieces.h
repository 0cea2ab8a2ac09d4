// ContentPieces: names blocks by the pieces that they are cut into, where the
// target may have their content at another alignment. Called by the one thread
// that encodes, for blocks that stand one after another and are not zero.
#pragma once

#include <cstddef>
#include <span>

#include "engine/codec/codec_frame.h"

namespace causeway {

class ContentPieces {
 public:
  virtual ~ContentPieces() = default;

  // Cuts all of `bytes`, at most kFrameBytesMax, into `out`; how many pieces:
  // at most kFramePiecesMax, which is what `out` has room for at least.
  virtual size_t cut(std::span<const std::byte> bytes,
                     std::span<ContentPiece> out) = 0;
};

}  // namespace causeway
