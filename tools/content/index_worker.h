// IndexWorker: what one of the indexer's threads has: the naming of blocks and
// pieces, and a buffer. Owned by that thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/content/content_cutter.h"
#include "engine/content/content_identity.h"
#include "engine/content/content_store.h"
#include "tools/content/source_file.h"

namespace causeway {

// A part of a file, whole blocks: one call of the index and some.
struct IndexChunk {
  const SourceFile* file = nullptr;
  ContentSourceId source = 0;
  uint64_t begin = 0;
  uint64_t end = 0;
};

class IndexWorker {
 public:
  // `store` outlives it. `pieces`: besides the blocks; kBlocks: none. `domain`:
  // what says that there are some (index_record.h).
  IndexWorker(ContentStore& store, ContentIdentity identity, ContentCut pieces,
              const ContentDigest& domain);

  struct Done {
    uint64_t put_blocks = 0;
    uint64_t zero_blocks = 0;
  };
  // Names and puts the blocks of a chunk, and their pieces. Where the file has
  // been cut off there is less.
  Result<Done> index(const IndexChunk& chunk);

 private:
  // What it reads at a time: it stays in the processor's second cache until it
  // is hashed.
  static constexpr size_t kReadBytes = 256u << 10;
  // And what is read besides, for pieces that begin in it.
  static constexpr size_t kBufferBytes =
      kCutWindowBytes + kReadBytes + kPieceBytesMax;
  static_assert(kReadBytes % kBlockBytes == 0);

  Status read(const IndexChunk& chunk, uint64_t at);
  Status put_pieces(ContentSourceId source, uint64_t at);
  Result<uint64_t> put_parts(ContentSourceId source, uint64_t at, size_t count,
                             size_t bytes);
  Status put_by_content(ContentSourceId source, uint64_t at);
  Status add(const ContentDigest& name, const ContentPlace& place);
  Status flush();
  // The blocks that were read.
  const std::byte* blocks() const { return buffer_.get() + kCutWindowBytes; }

  ContentStore& store_;
  ContentIdentity identity_;
  const ContentCut pieces_;
  const ContentDigest domain_;
  std::unique_ptr<std::byte[]> buffer_;
  size_t begin_ = 0;  // what was read of it
  size_t end_ = 0;
  size_t block_count_ = 0;  // whole ones
  std::vector<ContentEntry> entries_;
};

}  // namespace causeway
