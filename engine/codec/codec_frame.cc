#include "engine/codec/codec_frame.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>

#include "engine/base/assert.h"
#include "engine/base/little_endian.h"

namespace causeway {
namespace {

constexpr uint8_t kFormat = 1;
constexpr size_t kCheckAt = 4;

uint32_t frame_check(std::span<const std::byte> frame) {
  const auto head = load_le<uint32_t>(frame.data());
  return static_cast<uint32_t>(XXH3_64bits_withSeed(
      frame.data() + kCodecHeadBytes, frame.size() - kCodecHeadBytes, head));
}

template <typename... Args>
Error broken(fmt::format_string<Args...> format, Args&&... args) {
  return make_error(ErrorCode::kPeerBroken, format,
                    std::forward<Args>(args)...);
}

constexpr unsigned kPieceKindShift = 14;
static_assert(kPieceBytesMax == 1u << kPieceKindShift);

// Without its name.
ContentPiece unpack_piece(const std::byte* at) {
  const auto head = load_le<uint16_t>(at);
  ContentPiece piece;
  piece.kind = static_cast<PieceKind>(head >> kPieceKindShift);
  piece.bytes = (head & (kPieceBytesMax - 1)) + 1;
  return piece;
}

FrameRun unpack_run(uint32_t bits) {
  return {static_cast<BlockMethod>(bits & 7), ((bits >> 3) & 63) + 1,
          bits >> 9};
}

Status parse_runs(const std::byte* at, FrameParts& parts) {
  uint32_t blocks = 0;
  for (size_t i = 0; i < parts.run_count; ++i, at += kCodecRunBytes) {
    const FrameRun run = unpack_run(load_le<uint32_t>(at));
    const auto method = static_cast<size_t>(run.method);
    if (method >= kBlockMethods) {
      return broken("Run {} of a frame has the unknown method {}.", i, method);
    }
    if (i == 0 && run.gap != 0) {
      return broken("The first run of a frame passes over {} blocks.", run.gap);
    }
    blocks += run.blocks;
    if (blocks > kFrameBlocksMax) {
      return broken("The runs of a frame have more than {} blocks.",
                    kFrameBlocksMax);
    }
    parts.blocks[method] += run.blocks;
    parts.span_blocks += run.gap + run.blocks;
    parts.run_storage[i] = run;
  }
  return {};
}

// What of `rest` the pieces are: a list of variable length, which ends where
// the last of the pieced runs is made up.
Result<size_t> measure_pieces(std::span<const std::byte> rest,
                              const FrameParts& parts) {
  const size_t bytes_before = rest.size();
  size_t pieces = 0;
  for (const FrameRun& run : parts.runs()) {
    if (run.method != BlockMethod::kPieced) continue;
    for (size_t missing = run.blocks * kBlockBytes; missing > 0;) {
      const bool is_there =
          rest.size() >= kPieceHeadBytes &&
          rest.size() >= wire_bytes(unpack_piece(rest.data()));
      if (!is_there || ++pieces > kFramePiecesMax) {
        return broken("The pieces of a frame end {} bytes before a run does.",
                      missing);
      }
      const ContentPiece piece = take_piece(rest);
      if (piece.bytes > missing) {
        return broken("A piece of {} bytes stands where a run lacks {}.",
                      piece.bytes, missing);
      }
      missing -= piece.bytes;
    }
  }
  return bytes_before - rest.size();
}

// Cuts `rest` into the parts whose lengths the runs have told.
Status cut_parts(std::span<const std::byte> rest, FrameParts& parts) {
  const size_t references =
      parts.of(BlockMethod::kReference) * kContentDigestBytes;
  const size_t bases = parts.of(BlockMethod::kDelta) * kDeltaBaseBytes;
  const size_t copies = parts.of(BlockMethod::kCopy) * kBlockCopyBytes;
  const size_t raw = parts.of(BlockMethod::kRaw) * kBlockBytes;
  const size_t fixed = references + bases + copies;
  size_t pieces = 0;
  if (rest.size() >= fixed) {
    CAUSEWAY_ASSIGN(pieces, measure_pieces(rest.subspan(fixed), parts));
  }
  const size_t needed = fixed + pieces + raw;
  if (rest.size() < needed) {
    return broken("A frame has {} bytes behind its runs, which need {}.",
                  rest.size(), needed);
  }
  const auto cut = [&rest](size_t bytes) {
    const auto part = rest.first(bytes);
    rest = rest.subspan(bytes);
    return part;
  };
  parts.references = cut(references);
  parts.bases = cut(bases);
  parts.copies = cut(copies);
  parts.pieces = cut(pieces);
  parts.raw = cut(raw);
  parts.stream = rest;
  return {};
}

Status check_stage(uint8_t stage, const FrameParts& parts) {
  const bool needs =
      parts.of(BlockMethod::kDelta) + parts.of(BlockMethod::kDeflated) > 0;
  if (stage !=
      static_cast<uint8_t>(needs ? FrameStage::kDeflate : FrameStage::kNone)) {
    return broken("A frame with{} deflated blocks has stage {}.",
                  needs ? "" : "out", stage);
  }
  if (needs == parts.stream.empty()) {
    return broken("A frame with{} deflated blocks has a stream of {} bytes.",
                  needs ? "" : "out", parts.stream.size());
  }
  return {};
}

}  // namespace

const char* block_method_name(BlockMethod method) {
  switch (method) {
    case BlockMethod::kZero:
      return "zero";
    case BlockMethod::kReference:
      return "reference";
    case BlockMethod::kDelta:
      return "delta";
    case BlockMethod::kDeflated:
      return "deflated";
    case BlockMethod::kRaw:
      return "raw";
    case BlockMethod::kCopy:
      return "copy";
    case BlockMethod::kPieced:
      return "pieced";
  }
  return "unknown";
}

void store_run(const FrameRun& run, std::byte* out) {
  CAUSEWAY_ASSERT(run.blocks > 0 && run.blocks <= kFrameBlocksMax);
  CAUSEWAY_ASSERT(run.gap <= kFrameGapMax);
  const uint32_t bits =
      static_cast<uint32_t>(run.method) | (run.blocks - 1) << 3 | run.gap << 9;
  store_le(out, bits);
}

void store_piece(const ContentPiece& piece, std::byte* out) {
  CAUSEWAY_ASSERT(piece.bytes > 0 && piece.bytes <= kPieceBytesMax);
  const auto head = static_cast<uint16_t>(
      (piece.bytes - 1) | static_cast<uint32_t>(piece.kind) << kPieceKindShift);
  store_le(out, head);
  if (!piece.has_name()) return;
  std::memcpy(out + kPieceHeadBytes, piece.name.data(), piece.name.size());
}

ContentPiece take_piece(std::span<const std::byte>& bytes) {
  ContentPiece piece = unpack_piece(bytes.data());
  if (piece.has_name()) {
    std::memcpy(piece.name.data(), bytes.data() + kPieceHeadBytes,
                piece.name.size());
  }
  bytes = bytes.subspan(wire_bytes(piece));
  return piece;
}

void seal_frame(std::span<std::byte> frame, size_t runs, uint32_t blocks,
                FrameStage stage) {
  CAUSEWAY_ASSERT(frame.size() >= kCodecHeadBytes + runs * kCodecRunBytes);
  CAUSEWAY_ASSERT(runs > 0 && runs <= blocks && blocks <= kFrameBlocksMax);
  frame[0] = std::byte{kFormat};
  frame[1] = static_cast<std::byte>(runs);
  frame[2] = static_cast<std::byte>(blocks);
  frame[3] = static_cast<std::byte>(stage);
  store_le(frame.data() + kCheckAt, frame_check(frame));
}

Result<FrameParts> parse_frame(std::span<const std::byte> frame) {
  if (frame.size() < kCodecHeadBytes || frame.size() > kFrameBytesMax) {
    return broken("An encoded frame has {} bytes, allowed are {} to {}.",
                  frame.size(), kCodecHeadBytes, kFrameBytesMax);
  }
  if (load_le<uint8_t>(frame.data()) != kFormat) {
    return broken("An encoded frame has the unknown format {}.",
                  load_le<uint8_t>(frame.data()));
  }
  if (load_le<uint32_t>(frame.data() + kCheckAt) != frame_check(frame)) {
    return broken("An encoded frame of {} bytes fails its check.",
                  frame.size());
  }
  FrameParts parts;
  parts.run_count = load_le<uint8_t>(frame.data() + 1);
  const uint32_t blocks = load_le<uint8_t>(frame.data() + 2);
  const size_t runs_end = kCodecHeadBytes + parts.run_count * kCodecRunBytes;
  if (parts.run_count == 0 || parts.run_count > kFrameBlocksMax ||
      runs_end > frame.size()) {
    return broken("An encoded frame of {} bytes claims {} runs.", frame.size(),
                  parts.run_count);
  }
  CAUSEWAY_TRY(parse_runs(frame.data() + kCodecHeadBytes, parts));
  uint32_t counted = 0;
  for (const uint32_t of_method : parts.blocks) counted += of_method;
  if (counted != blocks) {
    return broken("An encoded frame claims {} blocks, its runs have {}.",
                  blocks, counted);
  }
  CAUSEWAY_TRY(cut_parts(frame.subspan(runs_end), parts));
  CAUSEWAY_TRY(check_stage(load_le<uint8_t>(frame.data() + 3), parts));
  return parts;
}

}  // namespace causeway
