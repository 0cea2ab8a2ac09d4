// ContentCutter: where content is cut into the pieces that are named, so that
// it is found again wherever it lies.
//
//   kSectors    every kContentAlignBytes: content that lies at another sector
//               than where the index saw it (a partition of an old disk), and
//               blocks of which parts are known
//   kByContent  where the content itself says so: content that lies at any
//               byte (an archive, a file system in a file, a log with a line
//               more). A cut is where a hash of the kCutWindowBytes before it
//               begins with kPieceCutBits zeros; it depends on nothing else.
//               After a cut the next kPieceBytesMin are passed over, so that
//               names do not cost more than what they save, and behind
//               kPieceBytesLong fewer zeros will do.
//
// Source: Xia et al., "FastCDC", USENIX ATC 2016: the gear hash, the passing
// over and the two masks. Its table is the CRC64 of each byte. A CRC64 of the
// window itself rolls at a third of the speed (0.39 and 1.32 GB/s); ISA-L's
// does not roll.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "engine/content/limits.h"

namespace causeway {

enum class ContentCut : uint8_t { kBlocks = 0, kSectors = 1, kByContent = 2 };
inline constexpr size_t kContentCuts = 3;
const char* content_cut_name(ContentCut cut);  // "blocks"
std::optional<ContentCut> content_cut_from_name(std::string_view name);

// Of a set of cuts.
constexpr uint8_t cut_bit(ContentCut cut) {
  return static_cast<uint8_t>(1u << static_cast<unsigned>(cut));
}

// What a cut by content depends on: the hash is 64 bits wide and moves by one
// with each byte.
inline constexpr size_t kCutWindowBytes = 64;

// The first cut at `from` or behind it and before the end of `content`, or
// nothing. `from` is at least kCutWindowBytes: what is before belongs to it.
std::optional<size_t> find_cut(std::span<const std::byte> content, size_t from,
                               unsigned bits = kPieceCutBits);

// How long the piece is with which `content` begins, as far as is there: at
// most kPieceBytesMax. `content` begins at a cut.
size_t piece_bytes(std::span<const std::byte> content);

}  // namespace causeway
