#include "engine/content/piece_namer.h"

#include <algorithm>
#include <array>
#include <optional>

#include "engine/base/assert.h"
#include "engine/codec/zero.h"

namespace causeway {

PieceNamer::PieceNamer(ContentIdentity identity, ContentCut cut)
    : identity_(std::move(identity)), cut_(cut) {
  CAUSEWAY_ASSERT(cut != ContentCut::kBlocks);
}

size_t PieceNamer::cut(std::span<const std::byte> bytes,
                       std::span<ContentPiece> out) {
  CAUSEWAY_ASSERT(!bytes.empty() && bytes.size() <= kFrameBytesMax &&
                  bytes.size() % kBlockBytes == 0);
  return cut_ == ContentCut::kSectors ? cut_sectors(bytes, out)
                                      : cut_by_content(bytes, out);
}

// Named in pairs, which is faster.
size_t PieceNamer::cut_sectors(std::span<const std::byte> bytes,
                               std::span<ContentPiece> out) {
  const auto sector = [&](size_t i) {
    return bytes.subspan(i * kContentAlignBytes, kContentAlignBytes);
  };
  const size_t count = bytes.size() / kContentAlignBytes;
  CAUSEWAY_ASSERT(count <= out.size());
  std::optional<size_t> waits;
  for (size_t i = 0; i < count; ++i) {
    out[i] = {PieceKind::kZero, kContentAlignBytes, {}};
    if (is_zero(sector(i))) continue;
    out[i].kind = PieceKind::kSector;
    if (!waits) {
      waits = i;
      continue;
    }
    const auto names = identity_.digest_pair(sector(*waits), sector(i));
    out[*waits].name = names[0];
    out[i].name = names[1];
    waits.reset();
  }
  if (waits) out[*waits].name = identity_.digest(sector(*waits));
  return count;
}

// What is before the first cut and what is behind the last one are parts of
// pieces: no index has these names. Nor that of what has no cut in it.
size_t PieceNamer::cut_by_content(std::span<const std::byte> bytes,
                                  std::span<ContentPiece> out) {
  size_t count = 0;
  const auto add = [&](PieceKind kind, std::span<const std::byte> piece) {
    CAUSEWAY_ASSERT(count < out.size());
    out[count] = {kind, static_cast<uint32_t>(piece.size()), {}};
    if (is_zero(piece)) {
      out[count].kind = PieceKind::kZero;
    } else {
      out[count].name = identity_.digest(piece);
    }
    ++count;
  };
  size_t at = 0;
  bool begins_at_cut = false;
  while (at < bytes.size()) {
    const auto rest = bytes.subspan(at);
    const size_t size =
        begins_at_cut
            ? piece_bytes(rest)
            : std::min(find_cut(rest, kCutWindowBytes).value_or(rest.size()),
                       kPieceBytesMax);
    const bool ends_at_cut = at + size < bytes.size() && size < kPieceBytesMax;
    add(begins_at_cut && ends_at_cut ? PieceKind::kByContent
                                     : PieceKind::kBeside,
        rest.first(size));
    at += size;
    begins_at_cut = ends_at_cut;
  }
  return count;
}

}  // namespace causeway
