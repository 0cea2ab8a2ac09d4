// ContentPlace: where a host has a block's content: an offset in a source, a
// file or a region of a guest, which an index knows by a number of its own.
//
// A source in bytes, as an index stores it, little-endian:
//
//   0        1      2        4
//   +--------+------+--------+-------------------+
//   | format | kind | region | name: u32, bytes  |
//   +--------+------+--------+-------------------+
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/guest/region.h"

namespace causeway {

enum class ContentKind : uint8_t { kFile = 1, kRegion = 2 };

struct ContentSource {
  ContentKind kind = ContentKind::kFile;
  std::string name;     // an absolute path; or the guest's name
  RegionId region = 0;  // of a guest; else 0
  bool operator==(const ContentSource&) const = default;
};

// Never 0; an index does not give a number twice, so that what is left of an
// erased source speaks of nothing.
using ContentSourceId = uint32_t;

struct ContentPlace {
  ContentSourceId source = 0;
  uint64_t offset_bytes = 0;  // a multiple of kContentAlignBytes
  bool operator==(const ContentPlace&) const = default;
};

// Whether an index can hold it: a name of fitting length, a path that does not
// depend on where a process stands.
Status check_source(const ContentSource& source);

// Whether an index can hold a place there: a multiple of kContentAlignBytes,
// and a block within kRegionBytesMax. kInvalidArgument.
Status check_offset(uint64_t offset_bytes);

std::vector<std::byte> encode_source(const ContentSource& source);
// kIo, saying what is wrong: it was read from a disk.
Result<ContentSource> decode_source(std::span<const std::byte> bytes);

}  // namespace causeway
