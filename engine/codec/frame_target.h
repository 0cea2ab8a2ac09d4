// FrameTarget: where a decoded frame goes, and where it finds what its deltas
// and references speak of. Called by the one thread that decodes, in the order
// of the frame, once all of the frame has been checked; every block of the
// frame comes to exactly one of zero(), place() and missing().
//
// The data path: no allocation, no log in any of them. An Error ends the frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/result.h"
#include "engine/codec/codec_frame.h"

namespace causeway {

class FrameTarget {
 public:
  virtual ~FrameTarget() = default;

  // The kBlockBytes that are in this place now, if they have this digest; else
  // nullptr. They stand still until the next call.
  virtual const std::byte* base(uint64_t block, uint64_t digest) = 0;

  // All names of the frame that an index may have, in the order in which
  // content() and piece() are asked for them; once, before they are. They stand
  // still until the frame ends.
  virtual void look_up(std::span<const ContentDigest> names) = 0;

  // kBlockBytes of that content, looked at and found right; else nullptr. They
  // stand still until the next call.
  virtual const std::byte* content(uint64_t block,
                                   const ContentDigest& digest) = 0;

  // Whether `out` now has the content of the piece, which has a name and as
  // many bytes, looked at and found right; if not, it has anything.
  virtual bool piece(const ContentPiece& piece, std::span<std::byte> out) = 0;

  // The kBlockBytes that are in that place of the guest now, if they have this
  // digest; else nullptr. They stand still until the next call. The place is as
  // the source says: it may be none of the guest's.
  virtual const std::byte* copy(const BlockCopy& from) = 0;

  virtual Status zero(uint64_t first, uint32_t blocks) = 0;

  // Whole blocks; the bytes stand still during the call only.
  virtual Status place(uint64_t first, std::span<const std::byte> bytes) = 0;

  // A delta's base or the content of a reference or of a piece is not here, or
  // a copy's is not there: nothing was placed, the source must send the block
  // again, by `method` no more.
  virtual Status missing(uint64_t block, BlockMethod method) = 0;
};

}  // namespace causeway
