// FrameDecoder: takes an encoded frame (codec_frame.h) apart. The bytes are
// from outside: all of the frame is checked, its stream inflated and its deltas
// measured, before the first block is placed.
//
// One owner, one thread. All memory (about 400 KiB) is allocated by the
// constructor.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "engine/base/bitmap.h"
#include "engine/codec/codec_frame.h"
#include "engine/codec/deflate.h"
#include "engine/codec/frame_target.h"

namespace causeway {

class FrameDecoder {
 public:
  FrameDecoder();
  FrameDecoder(FrameDecoder&&) noexcept = default;

  // Decodes into `target`; the frame's blocks begin with `span.first`, end
  // before span.end() and reach it. How many blocks of each method it had.
  // kPeerBroken: the frame is not what it should be, nothing was placed; any
  // other Error is the target's.
  Result<std::array<uint32_t, kBlockMethods>> decode(
      const BitRun& span, std::span<const std::byte> frame,
      FrameTarget& target);

 private:
  // What is left of each part as the runs take from them.
  struct Cursor {
    std::span<const std::byte> references;
    std::span<const std::byte> bases;
    std::span<const std::byte> copies;
    std::span<const std::byte> pieces;
    std::span<const std::byte> raw;
    std::span<const std::byte> material;
  };

  Result<std::span<const std::byte>> inflate(const FrameParts& parts);
  Status check_material(const FrameParts& parts,
                        std::span<const std::byte> material) const;
  Status decode_run(const FrameRun& run, uint64_t first, Cursor& at,
                    FrameTarget& target);
  Status decode_reference(uint64_t block, Cursor& at, FrameTarget& target);
  Status decode_delta(uint64_t block, Cursor& at, FrameTarget& target);
  Status decode_pieces(const FrameRun& run, uint64_t first, Cursor& at,
                       FrameTarget& target);
  void look_up(const FrameParts& parts, FrameTarget& target);
  Status decode_copy(uint64_t block, Cursor& at, FrameTarget& target);

  std::unique_ptr<std::byte[]> material_;
  std::unique_ptr<std::byte[]> block_;  // base, then the block made of it
  std::unique_ptr<std::byte[]> piece_;
  std::array<ContentDigest, kFrameBlocksMax + kFramePiecesMax> names_;
  Inflater inflater_;
};

}  // namespace causeway
