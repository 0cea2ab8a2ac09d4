#include "engine/migration/frame_builder.h"

namespace causeway {

FrameBuilder::FrameBuilder(GuestImage& image, CodecGovernor& codec)
    : image_(image),
      codec_(codec),
      slots_(new std::byte[kSlots * kFrameBytesMax]) {}

}  // namespace causeway
