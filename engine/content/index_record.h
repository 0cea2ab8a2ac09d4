// IndexRecord: how far the content of one file is in an index, in one trust
// domain and by one cut: so that indexing goes on where it was stopped, and
// does nothing where nothing changed. Kept as the note of the source
// (content_store.h):
//
//   0        1       2
//   +--------+-------+----------------------------------------------+
//   | format | count | count times: domain | size | mtime | done     |
//   +--------+-------+----------------------------------------------+
//                                   8 bytes each, little-endian
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/result.h"
#include "engine/content/content_cutter.h"
#include "engine/content/content_identity.h"

namespace causeway {

struct IndexRecord {
  // domain_name().
  ContentDigest domain{};
  uint64_t size_bytes = 0;
  int64_t mtime_ns = 0;     // 0: it cannot be known (a block device)
  uint64_t done_bytes = 0;  // all before it is in the index
  bool operator==(const IndexRecord&) const = default;
};

// What the domain calls zeros, which no index has: a block, a sector, or the
// shortest piece of them. Tells domains and cuts apart and says nothing about
// their keys. An index has an entry of that name, and of any place, once
// content was put by that cut.
Result<ContentDigest> domain_name(const ContentKey& key,
                                  ContentCut cut = ContentCut::kBlocks);

// At most kIndexRecordsMax.
std::vector<std::byte> encode_index_records(
    std::span<const IndexRecord> records);
// kIo: that is no such note. An empty one has no records.
Result<std::vector<IndexRecord>> decode_index_records(
    std::span<const std::byte> note);

}  // namespace causeway
