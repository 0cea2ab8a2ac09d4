#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/base/little_endian.h"
#include "engine/codec/delta.h"
#include "engine/codec/frame_decoder.h"

namespace causeway {
namespace {

std::span<const std::byte> take(std::span<const std::byte>& from,
                                size_t bytes) {
  const auto taken = from.first(bytes);
  from = from.subspan(bytes);
  return taken;
}

}  // namespace

Result<std::array<uint32_t, kBlockMethods>> FrameDecoder::decode(
    const BitRun& span, std::span<const std::byte> frame, FrameTarget& target) {
  CAUSEWAY_ASSIGN(const FrameParts parts, parse_frame(frame));
  if (parts.span_blocks != span.count) {
    return make_error(ErrorCode::kPeerBroken,
                      "An encoded frame spans {} blocks, its put {}.",
                      parts.span_blocks, span.count);
  }
  CAUSEWAY_ASSIGN(const auto material, inflate(parts));
  CAUSEWAY_TRY(check_material(parts, material));
  Cursor at{parts.references, parts.bases, parts.copies,
            parts.pieces,     parts.raw,   material};
  look_up(parts, target);
  uint64_t block = span.first;
  for (const FrameRun& run : parts.runs()) {
    block += run.gap;
    CAUSEWAY_TRY(decode_run(run, block, at, target));
    block += run.blocks;
  }
  CAUSEWAY_ASSERT(at.references.empty() && at.bases.empty() &&
                  at.copies.empty() && at.pieces.empty() && at.raw.empty() &&
                  at.material.empty());
  return parts.blocks;
}

// In the order of the runs, which have them in two parts.
void FrameDecoder::look_up(const FrameParts& parts, FrameTarget& target) {
  static_assert(sizeof(ContentDigest) == kContentDigestBytes);
  size_t count = 0;
  auto references = parts.references;
  auto pieces = parts.pieces;
  for (const FrameRun& run : parts.runs()) {
    if (run.method == BlockMethod::kReference) {
      const auto names = take(references, run.blocks * kContentDigestBytes);
      std::memcpy(&names_[count], names.data(), names.size());
      count += run.blocks;
    } else if (run.method == BlockMethod::kPieced) {
      for (size_t bytes = run.blocks * kBlockBytes; bytes > 0;) {
        const ContentPiece piece = take_piece(pieces);
        if (piece.is_indexed()) names_[count++] = piece.name;
        bytes -= piece.bytes;
      }
    }
  }
  if (count > 0) target.look_up(std::span(names_).first(count));
}

Result<std::span<const std::byte>> FrameDecoder::inflate(
    const FrameParts& parts) {
  if (parts.stream.empty()) return std::span<const std::byte>();
  const size_t blocks =
      parts.of(BlockMethod::kDeflated) + parts.of(BlockMethod::kDelta);
  CAUSEWAY_ASSIGN(
      const size_t bytes,
      inflater_.inflate(parts.stream, {material_.get(), blocks * kBlockBytes}));
  return std::span<const std::byte>(material_.get(), bytes);
}

// The stream held exactly what the runs say, delta for delta.
Status FrameDecoder::check_material(const FrameParts& parts,
                                    std::span<const std::byte> material) const {
  auto rest = material;
  for (const FrameRun& run : parts.runs()) {
    const bool delta = run.method == BlockMethod::kDelta;
    if (!delta && run.method != BlockMethod::kDeflated) continue;
    for (uint32_t i = 0; i < run.blocks; ++i) {
      const size_t bytes = delta ? delta_bytes(rest) : kBlockBytes;
      if (bytes == 0 || bytes > rest.size()) {
        return make_error(ErrorCode::kPeerBroken,
                          "A frame's stream of {} bytes is cut short in a {}.",
                          material.size(), delta ? "delta" : "block");
      }
      rest = rest.subspan(bytes);
    }
  }
  if (!rest.empty()) {
    return make_error(ErrorCode::kPeerBroken,
                      "A frame's stream has {} bytes more than its blocks.",
                      rest.size());
  }
  return {};
}

Status FrameDecoder::decode_run(const FrameRun& run, uint64_t first, Cursor& at,
                                FrameTarget& target) {
  const size_t bytes = run.blocks * kBlockBytes;
  switch (run.method) {
    case BlockMethod::kZero:
      return target.zero(first, run.blocks);
    case BlockMethod::kRaw:
      return target.place(first, take(at.raw, bytes));
    case BlockMethod::kDeflated:
      return target.place(first, take(at.material, bytes));
    case BlockMethod::kReference:
      for (uint32_t i = 0; i < run.blocks; ++i) {
        CAUSEWAY_TRY(decode_reference(first + i, at, target));
      }
      return {};
    case BlockMethod::kDelta:
      for (uint32_t i = 0; i < run.blocks; ++i) {
        CAUSEWAY_TRY(decode_delta(first + i, at, target));
      }
      return {};
    case BlockMethod::kCopy:
      for (uint32_t i = 0; i < run.blocks; ++i) {
        CAUSEWAY_TRY(decode_copy(first + i, at, target));
      }
      return {};
    case BlockMethod::kPieced:
      return decode_pieces(run, first, at, target);
  }
  CAUSEWAY_ASSERT(false);  // parse_frame() knows all methods
}

Status FrameDecoder::decode_reference(uint64_t block, Cursor& at,
                                      FrameTarget& target) {
  ContentDigest digest;
  std::memcpy(digest.data(), take(at.references, digest.size()).data(),
              digest.size());
  const std::byte* content = target.content(block, digest);
  if (content == nullptr) {
    return target.missing(block, BlockMethod::kReference);
  }
  return target.place(block, {content, kBlockBytes});
}

Status FrameDecoder::decode_delta(uint64_t block, Cursor& at,
                                  FrameTarget& target) {
  const auto delta = take(at.material, delta_bytes(at.material));
  static_assert(sizeof(uint64_t) == kDeltaBaseBytes);
  const auto digest = load_le<uint64_t>(take(at.bases, kDeltaBaseBytes).data());
  const std::byte* base = target.base(block, digest);
  if (base == nullptr) return target.missing(block, BlockMethod::kDelta);
  std::memcpy(block_.get(), base, kBlockBytes);
  apply_delta(delta, block_.get());
  return target.place(block, {block_.get(), kBlockBytes});
}

// Fills one block after another; a block of which something is not here is
// missing, its neighbours are not.
Status FrameDecoder::decode_pieces(const FrameRun& run, uint64_t first,
                                   Cursor& at, FrameTarget& target) {
  size_t filled = 0;  // of the block at hand
  bool whole = true;
  for (const uint64_t end = first + run.blocks; first < end;) {
    const ContentPiece piece = take_piece(at.pieces);
    const std::span<std::byte> bytes(piece_.get(), piece.bytes);
    bool found = piece.has_name() && target.piece(piece, bytes);
    if (piece.kind == PieceKind::kZero) {
      std::ranges::fill(bytes, std::byte{0});
      found = true;
    }
    for (size_t used = 0; used < bytes.size();) {
      const size_t part = std::min(bytes.size() - used, kBlockBytes - filled);
      std::memcpy(block_.get() + filled, bytes.data() + used, part);
      used += part;
      filled += part;
      whole = whole && found;
      if (filled < kBlockBytes) continue;
      CAUSEWAY_TRY(whole ? target.place(first, {block_.get(), kBlockBytes})
                         : target.missing(first, BlockMethod::kPieced));
      ++first;
      filled = 0;
      whole = true;
    }
  }
  CAUSEWAY_ASSERT(filled == 0);  // parse_frame() has added them up
  return {};
}

Status FrameDecoder::decode_copy(uint64_t block, Cursor& at,
                                 FrameTarget& target) {
  static_assert(2 * sizeof(uint64_t) == kBlockCopyBytes);
  const std::byte* from = take(at.copies, kBlockCopyBytes).data();
  const std::byte* content = target.copy(
      unpack_place(load_le<uint64_t>(from), load_le<uint64_t>(from + 8)));
  if (content == nullptr) return target.missing(block, BlockMethod::kCopy);
  return target.place(block, {content, kBlockBytes});
}

}  // namespace causeway
