// FrameEncoder: makes encoded frames (codec_frame.h) of blocks that may change
// while they are read: take() copies them first, and everything is decided and
// encoded from the copy.
//
//   take() ... take()     until it takes no more or there is no more
//   copies()              the caller digests them
//   encode()              then the next take() begins a new frame
//
// One owner, one thread. All memory (about 1.2 MiB) is allocated by the
// constructor.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "engine/base/bitmap.h"
#include "engine/codec/codec_frame.h"
#include "engine/codec/content_pieces.h"
#include "engine/codec/deflate.h"
#include "engine/codec/earlier_content.h"
#include "engine/codec/known_content.h"
#include "engine/codec/sent_versions.h"

namespace causeway {

struct FrameOrder {
  RegionId region = 0;
  Version version = 0;
  int level = kNoDeflate;  // or 0 to kDeflateLevelMax; see deflate.h

  // A digest a block, of the copies and of what the target has now; for the
  // two that follow.
  std::span<const uint64_t> digests = {};
  std::span<const uint64_t> digests_before = {};

  // Each method if its part is there; what the frame carries is noted in them.
  SentVersions* sent = nullptr;       // deltas
  EarlierContent* earlier = nullptr;  // copies
  KnownContent* known = nullptr;      // references
  ContentPieces* pieces = nullptr;    // pieces, of all that is not zero
};

// Of one frame.
struct FrameTally {
  std::array<uint32_t, kBlockMethods> blocks{};
  uint32_t material_bytes = 0;  // into the deflate stage
  uint32_t stream_bytes = 0;    // out of it
  uint32_t of(BlockMethod method) const {
    return blocks[static_cast<size_t>(method)];
  }
};

class FrameEncoder {
 public:
  FrameEncoder();
  FrameEncoder(FrameEncoder&&) noexcept = default;

  // Copies blocks of `live` (whole blocks, the first one number `first`, beyond
  // all that the frame has) until the frame is full; how many. 0 also when
  // `first` is too far from the last one for this frame.
  uint32_t take(uint64_t first, std::span<const std::byte> live);

  uint32_t blocks() const { return count_; }
  // From the first block to behind the last; there is one.
  BitRun span() const;
  uint64_t block(uint32_t index) const { return numbers_[index]; }
  // Valid until the first take() of the next frame.
  std::span<const std::byte> copies() const {
    return {copies_.get(), count_ * kBlockBytes};
  }

  // Writes the frame to `out` (kFrameBytesMax of room) and returns its bytes:
  // fewer than its blocks have. Nothing: raw they are as small; send copies().
  std::optional<size_t> encode(const FrameOrder& order,
                               std::span<std::byte> out);

  // Of the last encode(), also when it returned nothing: then all are raw.
  const FrameTally& tally() const { return tally_; }

 private:
  const std::byte* copy_of(uint32_t index) const {
    return copies_.get() + index * kBlockBytes;
  }
  BlockMethod classify(const FrameOrder& order, uint32_t index);
  bool add_delta(const FrameOrder& order, uint32_t index, bool random);
  void add_material(const std::byte* bytes, size_t count);
  void give_up_stream();
  void make_runs();
  void cut_pieces(ContentPieces& pieces);
  size_t parts_bytes() const;
  void write_parts(std::byte* at) const;
  void note_sent(const FrameOrder& order);

  std::unique_ptr<std::byte[]> copies_;
  std::unique_ptr<std::byte[]> material_;  // for the deflate stage
  std::unique_ptr<std::byte[]> base_;      // a block
  Deflater deflater_;

  uint32_t count_ = 0;
  bool encoded_ = false;
  std::array<uint64_t, kFrameBlocksMax> numbers_{};
  std::array<BlockMethod, kFrameBlocksMax> methods_{};
  std::array<FrameRun, kFrameBlocksMax> runs_{};
  size_t run_count_ = 0;
  std::array<ContentDigest, kFrameBlocksMax> references_{};
  size_t reference_count_ = 0;
  std::array<uint64_t, kFrameBlocksMax> bases_{};  // digests
  size_t base_count_ = 0;
  std::array<BlockCopy, kFrameBlocksMax> block_copies_{};
  size_t block_copy_count_ = 0;
  std::unique_ptr<ContentPiece[]> pieces_;
  size_t piece_count_ = 0;
  size_t material_bytes_ = 0;
  FrameTally tally_;
};

}  // namespace causeway
