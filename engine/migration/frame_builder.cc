#include "engine/migration/frame_builder.h"

#include "engine/base/assert.h"

namespace causeway {

FrameBuilder::FrameBuilder(GuestImage& image, CodecGovernor& codec)
    : image_(image),
      codec_(codec),
      slots_(new std::byte[kSlots * kFrameBytesMax]),
      earlier_(codec.places(), image) {}

// The session has made one of this key before.
ContentIdentity FrameBuilder::identity() const {
  auto identity = ContentIdentity::create(kind_.ask->key);
  CAUSEWAY_ASSERT(identity.has_value());
  return std::move(identity).value();
}

// One key a migration.
FrameBuilder::Namer& FrameBuilder::namer() {
  if (!namer_) namer_.emplace(identity());
  return *namer_;
}

PieceNamer& FrameBuilder::piece_namer() {
  if (!piece_namer_ || piece_namer_->cut() != kind_.ask->cut) {
    piece_namer_.emplace(identity(), kind_.ask->cut);
  }
  return *piece_namer_;
}

}  // namespace causeway
