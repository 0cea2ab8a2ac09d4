#include "engine/codec/frame_decoder.h"

namespace causeway {

FrameDecoder::FrameDecoder()
    : material_(new std::byte[kFrameBytesMax]),
      block_(new std::byte[kBlockBytes]),
      piece_(new std::byte[kPieceBytesMax]) {}

}  // namespace causeway
