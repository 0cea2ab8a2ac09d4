// The encoded frame: up to kFrameBlocksMax blocks of one region and one
// version, not necessarily adjacent, each by the method that suits it. Region,
// version and first block are the put's (engine/path/put.h), which carries the
// frame as its payload: what it says is not said twice. Little-endian.
//
//   0        1      2        3       4       8
//   +--------+------+--------+-------+-------+------+------------+-------+
//   | format | runs | blocks | stage | check | runs | references | bases |
//   +--------+------+--------+-------+-------+------+------------+-------+
//                          | copies | pieces | raw blocks | stream ... |
//                          +--------+--------+------------+------------+
//
//   format      1
//   stage       what made the stream: 0 there is none, 1 deflate (RFC 1951)
//   check       the low half of XXH3-64 over the frame without it: a fault is
//               found before anything is placed; it is no defence
//   run         u32: bits 0-2 the method, 3-8 blocks - 1, 9-31 the blocks
//               passed over since the last run's end (0 in the first)
//   reference   8 bytes a block: the digest of content that the target has
//   base        u64 a block: the digest (engine/content/digest.h) of what the
//               target has in this place, against which the delta was made. The
//               version of that says nothing more: the same content may have
//               come again in a later one
//   pieces      for each run of blocks that are pieced, what its bytes are made
//               of, in order: u16, bits 0-13 the bytes - 1, 14-15 the kind (see
//               PieceKind), and if it has a name, its 8 bytes
//   copy        u64 region (its high 16 bits) and block, u64 digest of what the
//               target has there in the same guest
//   raw         4096 bytes a block
//   stream      deflated as one: for each block of the methods deflated and
//               delta, in order, its 4096 bytes, or its delta (delta.h)
//
// Nothing in a frame says how long a part is: the runs do, and the stream is
// the rest. Parsing treats every byte as hostile.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/result.h"
#include "engine/codec/limits.h"

namespace causeway {

enum class BlockMethod : uint8_t {
  kZero = 0,
  kReference = 1,
  kDelta = 2,
  kDeflated = 3,
  kRaw = 4,
  kCopy = 5,
  kPieced = 6,
};
inline constexpr size_t kBlockMethods = 7;
const char* block_method_name(BlockMethod method);  // "zero", for the report

enum class FrameStage : uint8_t { kNone = 0, kDeflate = 1 };

inline constexpr size_t kCodecHeadBytes = 8;
inline constexpr size_t kCodecRunBytes = 4;
inline constexpr size_t kDeltaBaseBytes = 8;

// What content is called in the content index: the start of a SHA-256, keyed
// (engine/content/content_identity.h, which says why so few bytes).
inline constexpr size_t kContentDigestBytes = 8;
using ContentDigest = std::array<std::byte, kContentDigestBytes>;

// Content that was sent before, in another place of the guest.
struct BlockCopy {
  RegionId region = 0;
  uint64_t block = 0;
  uint64_t digest = 0;
  bool operator==(const BlockCopy&) const = default;
};
inline constexpr size_t kBlockCopyBytes = 16;

// A part of some blocks, and what it is called: in the content index as well,
// but found where no block begins (engine/content/content_cutter.h).
enum class PieceKind : uint8_t {
  kBeside = 0,     // in no index; maybe behind what was found last
  kSector = 1,     // at the place that the index has
  kByContent = 2,  // at a cut in the sector that the index has
  kZero = 3,       // zeros
};
struct ContentPiece {
  PieceKind kind = PieceKind::kBeside;
  uint32_t bytes = 0;  // 1 to kPieceBytesMax
  ContentDigest name{};
  constexpr bool has_name() const { return kind != PieceKind::kZero; }
  constexpr bool is_indexed() const {
    return kind == PieceKind::kSector || kind == PieceKind::kByContent;
  }
  bool operator==(const ContentPiece&) const = default;
};
inline constexpr size_t kPieceHeadBytes = 2;

// How many bytes the piece is in a frame.
constexpr size_t wire_bytes(const ContentPiece& piece) {
  return kPieceHeadBytes + (piece.has_name() ? kContentDigestBytes : 0);
}
void store_piece(const ContentPiece& piece, std::byte* out);
// Takes the first piece off `bytes`, which parse_frame() has looked at.
ContentPiece take_piece(std::span<const std::byte>& bytes);

// Block numbers fit 34 bits (kRegionBytesMax); unpack_place() takes any bits.
inline constexpr unsigned kPlaceBlockBits = 48;
constexpr uint64_t pack_place(RegionId region, uint64_t block) {
  return static_cast<uint64_t>(region) << kPlaceBlockBits | block;
}
constexpr BlockCopy unpack_place(uint64_t place, uint64_t digest) {
  return {static_cast<RegionId>(place >> kPlaceBlockBits),
          place & ((1ull << kPlaceBlockBits) - 1), digest};
}

struct FrameRun {
  BlockMethod method = BlockMethod::kZero;
  uint32_t blocks = 0;  // 1 to kFrameBlocksMax
  uint32_t gap = 0;     // up to kFrameGapMax
  bool operator==(const FrameRun&) const = default;
};

void store_run(const FrameRun& run, std::byte* out);

// Head and check, when all the rest of `frame` is there.
void seal_frame(std::span<std::byte> frame, size_t runs, uint32_t blocks,
                FrameStage stage);

// Views of the frame's parts; as long as the runs say.
struct FrameParts {
  std::array<FrameRun, kFrameBlocksMax> run_storage;
  size_t run_count = 0;
  uint64_t span_blocks = 0;                      // of the region, gaps included
  std::array<uint32_t, kBlockMethods> blocks{};  // by method
  std::span<const std::byte> references;
  std::span<const std::byte> bases;
  std::span<const std::byte> copies;
  std::span<const std::byte> pieces;
  std::span<const std::byte> raw;
  std::span<const std::byte> stream;

  std::span<const FrameRun> runs() const {
    return std::span(run_storage).first(run_count);
  }
  uint32_t of(BlockMethod method) const {
    return blocks[static_cast<size_t>(method)];
  }
};

// kPeerBroken, naming what is wrong, unless every length fits. What the stream
// holds is not yet known then.
Result<FrameParts> parse_frame(std::span<const std::byte> frame);

}  // namespace causeway
