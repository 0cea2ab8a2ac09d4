#include "engine/content/content_cutter.h"

#include <isa-l/crc64.h>

#include <algorithm>
#include <array>

#include "engine/base/assert.h"

namespace causeway {
namespace {

using GearTable = std::array<uint64_t, 256>;

GearTable make_gear() {
  GearTable gear;
  for (size_t i = 0; i < gear.size(); ++i) {
    const auto byte = static_cast<unsigned char>(i);
    gear[i] = crc64_ecma_norm(0, &byte, 1);
  }
  return gear;
}

const GearTable kGear = make_gear();

}  // namespace

const char* content_cut_name(ContentCut cut) {
  switch (cut) {
    case ContentCut::kBlocks:
      return "blocks";
    case ContentCut::kSectors:
      return "sectors";
    case ContentCut::kByContent:
      return "content";
  }
  return "unknown";
}

std::optional<ContentCut> content_cut_from_name(std::string_view name) {
  for (const auto cut :
       {ContentCut::kBlocks, ContentCut::kSectors, ContentCut::kByContent}) {
    if (name == content_cut_name(cut)) return cut;
  }
  return std::nullopt;
}

// It is the front of the hash, on which each byte of the window has its part.
std::optional<size_t> find_cut(std::span<const std::byte> content, size_t from,
                               unsigned bits) {
  CAUSEWAY_ASSERT(from >= kCutWindowBytes && bits < 64);
  const unsigned shift = 64 - bits;
  if (from >= content.size()) return std::nullopt;
  uint64_t hash = 0;
  for (const std::byte byte :
       content.subspan(from - kCutWindowBytes, kCutWindowBytes)) {
    hash = (hash << 1) + kGear[static_cast<uint8_t>(byte)];
  }
  for (size_t at = from; at < content.size(); ++at) {
    if (hash >> shift == 0) return at;
    hash = (hash << 1) + kGear[static_cast<uint8_t>(content[at])];
  }
  return std::nullopt;
}

size_t piece_bytes(std::span<const std::byte> content) {
  const auto reach = content.first(std::min(content.size(), kPieceBytesMax));
  if (reach.size() <= kPieceBytesMin) return reach.size();
  const auto front = reach.first(std::min(reach.size(), kPieceBytesLong));
  if (const auto cut = find_cut(front, kPieceBytesMin)) return *cut;
  return find_cut(reach, front.size(), kPieceLooseCutBits)
      .value_or(reach.size());
}

}  // namespace causeway
