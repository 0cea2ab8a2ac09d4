// KnownContent: what the target is known to have, by its content, wherever it
// has it. The content index's side of the encoder; see codec_frame.h for what a
// reference is on the wire.
//
// Called by the one thread that encodes, for blocks that are not zero.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/codec/codec_frame.h"

namespace causeway {

class KnownContent {
 public:
  virtual ~KnownContent() = default;

  // Whether the target has the kBlockBytes at `bytes`; `digest` then names
  // them. A wrong yes costs a resend, never a wrong byte: the target looks.
  virtual bool known(RegionId region, uint64_t block, const std::byte* bytes,
                     ContentDigest& digest) = 0;
};

}  // namespace causeway
