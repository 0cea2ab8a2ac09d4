// ContentIndex: digest -> where this host has that content. Declared here;
// memory_content_index.h and rocksdb_content_index.h implement it, and
// tests/contract/content_index_contract.h is its suite.
//
// Everything it says is a hint. Content changes under it, and it may take one
// digest for another: who uses a place reads it and looks at the digest of what
// is really there (content_reader.h). It may forget what it was told. Neither
// costs more than the bytes of a block. Digests must be keyed
// (content_identity.h): they are taken for evenly distributed as they come.
//
// In batches, so that nobody waits a round trip a block. Any thread; the spans
// stand still during a call. Bounded: what is full forgets something, or says
// kNoSpace and keeps what it has. After kIo or kUnreachable the index may still
// serve the next call; going on without it is always right. One that was opened
// to be read says kPermission to what would change it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "engine/base/result.h"
#include "engine/codec/codec_frame.h"
#include "engine/content/content_place.h"
#include "engine/content/limits.h"

namespace causeway {

struct ContentEntry {
  ContentDigest digest;
  ContentPlace place;
};

// What an index that outlives its process is opened for. Any number of
// processes may read, also while one writes; they see what was there when they
// opened it.
enum class ContentAccess { kReadOnly, kReadWrite };

// As far as the index knows; a store that counts lazily estimates.
struct ContentIndexStats {
  uint64_t blocks = 0;
  uint64_t sources = 0;
  uint64_t memory_bytes = 0;  // that it takes now
  uint64_t disk_bytes = 0;    // that it takes now
};

class ContentIndex {
 public:
  virtual ~ContentIndex() = default;

  // The number of a source, the same as long as it is not erased. Outlives the
  // process where the entries do. kInvalidArgument: see check_source().
  // kNoSpace: kContentSourcesMax.
  virtual Result<ContentSourceId> add_source(const ContentSource& source) = 0;
  // kNotFound: it gave no such number, or the source was erased.
  virtual Result<ContentSource> source(ContentSourceId id) = 0;

  // Up to kContentBatchMax. A digest that is there gets the new place.
  // kNotFound: an entry names no source, kInvalidArgument: an offset is not
  // aligned or beyond kRegionBytesMax; then none was put. After any other Error
  // some may have been.
  virtual Status put(std::span<const ContentEntry> entries) = 0;

  // Up to kContentBatchMax; places[i] is for digests[i]. Only places of sources
  // that are not erased.
  virtual Status find(std::span<const ContentDigest> digests,
                      std::span<std::optional<ContentPlace>> places) = 0;

  // The source and all places in it are found no more. kNotFound.
  virtual Status erase(ContentSourceId id) = 0;

  virtual Result<ContentIndexStats> stats() = 0;
};

}  // namespace causeway
