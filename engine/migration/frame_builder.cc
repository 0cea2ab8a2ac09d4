#include "engine/migration/frame_builder.h"

#include "engine/base/assert.h"

namespace causeway {

FrameBuilder::FrameBuilder(GuestImage& image, CodecGovernor& codec)
    : image_(image),
      codec_(codec),
      slots_(new std::byte[kSlots * kFrameBytesMax]),
      earlier_(codec.places(), image) {}

// One key a migration. The session has made an identity of it before.
FrameBuilder::Namer& FrameBuilder::namer() {
  if (!namer_) {
    auto identity = ContentIdentity::create(*kind_.ask);
    CAUSEWAY_ASSERT(identity.has_value());
    namer_.emplace(std::move(identity).value());
  }
  return *namer_;
}

}  // namespace causeway
