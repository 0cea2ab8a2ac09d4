#include "engine/codec/frame_encoder.h"

namespace causeway {

// Written before it is read: make_unique would only zero it.
FrameEncoder::FrameEncoder()
    : copies_(new std::byte[kFrameBytesMax]),
      material_(new std::byte[kFrameBytesMax]),
      base_(new std::byte[kBlockBytes]),
      pieces_(new ContentPiece[kFramePiecesMax]) {}

}  // namespace causeway
