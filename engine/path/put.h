// Put: the one verb of every path: "place these bytes at this offset of that
// region" (design, section 5). A put's head names region, blocks and the
// version (collect number) of its blocks; its payload is guest memory in place
// or a buffer that stays borrowed until the channel releases it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/guest/region.h"

namespace causeway {

enum class PutKind : uint8_t {
  kRaw = 1,   // payload = the blocks as they are
  kZero = 2,  // no payload: every block of the run is zero
  // 3 is the stream path's fence (engine/path/stream/frame.h).
  kEncoded = 4,  // payload = an encoded frame (engine/codec/codec_frame.h)
  // A fence among the records of a striped path (engine/path/stripe): its
  // number in the place of the first block. No sink ever sees one.
  kStripeFence = 5,
};

struct PutHead {
  PutKind kind = PutKind::kRaw;
  RegionId region = 0;
  Version version = 0;
  uint64_t first_block = 0;
  // > 0. kEncoded: from the frame's first block to its last; some in between
  // may not be in it.
  uint32_t blocks = 0;
  // kRaw: blocks * kBlockBytes; kZero: 0; kEncoded: 1 to kPutBytesMax.
  uint32_t payload_bytes = 0;
  // Of the records of a striped channel, from 1; 0 everywhere else.
  uint64_t sequence = 0;

  BlockRange range() const { return {region, first_block, blocks}; }
  bool operator==(const PutHead&) const = default;
};

struct Put {
  PutHead head;
  std::span<const std::byte> payload;
};

// Fences are numbered by the poster, ascending from 1.
using FenceId = uint64_t;

}  // namespace causeway
