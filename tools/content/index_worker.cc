#include "tools/content/index_worker.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <span>
#include <utility>

#include "engine/codec/zero.h"
#include "engine/content/limits.h"

namespace causeway {
namespace {

// Up to `size`; fewer where the file has been cut off.
Result<size_t> read_at(const SourceFile& file, uint64_t offset, std::byte* to,
                       size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::pread(file.fd(), to + done, size - done,
                                static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error(errno, "Reading " + file.path());
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

}  // namespace

IndexWorker::IndexWorker(ContentStore& store, ContentIdentity identity,
                         ContentCut pieces, const ContentDigest& domain)
    : store_(store),
      identity_(std::move(identity)),
      pieces_(pieces),
      domain_(domain),
      buffer_(new std::byte[kBufferBytes]) {
  entries_.reserve(kContentBatchMax);
}

Result<IndexWorker::Done> IndexWorker::index(const IndexChunk& chunk) {
  Done done;
  if (pieces_ != ContentCut::kBlocks) {
    CAUSEWAY_TRY(add(domain_, {chunk.source, 0}));
  }
  for (uint64_t at = chunk.begin; at < chunk.end; at += kReadBytes) {
    CAUSEWAY_TRY(read(chunk, at));
    CAUSEWAY_ASSIGN(const uint64_t zeros,
                    put_parts(chunk.source, at, block_count_, kBlockBytes));
    done.zero_blocks += zeros;
    done.put_blocks += block_count_ - zeros;
    CAUSEWAY_TRY(put_pieces(chunk.source, at));
  }
  CAUSEWAY_TRY(flush());
  return done;
}

// The blocks from `at` on, and by content what is around them.
Status IndexWorker::read(const IndexChunk& chunk, uint64_t at) {
  const bool by_content = pieces_ == ContentCut::kByContent;
  const size_t before =
      by_content ? std::min<uint64_t>(at, kCutWindowBytes) : 0;
  const size_t want = std::min<uint64_t>(kReadBytes, chunk.end - at);
  const size_t behind = by_content ? kPieceBytesMax : 0;
  begin_ = kCutWindowBytes - before;
  CAUSEWAY_ASSIGN(const size_t got,
                  read_at(*chunk.file, at - before, buffer_.get() + begin_,
                          before + want + behind));
  end_ = begin_ + got;
  block_count_ = std::min(got - std::min(got, before), want) / kBlockBytes;
  return {};
}

Status IndexWorker::put_pieces(ContentSourceId source, uint64_t at) {
  if (pieces_ == ContentCut::kBlocks) return {};
  if (pieces_ == ContentCut::kByContent) return put_by_content(source, at);
  const size_t sectors = block_count_ * (kBlockBytes / kContentAlignBytes);
  CAUSEWAY_ASSIGN([[maybe_unused]] const uint64_t zeros,
                  put_parts(source, at, sectors, kContentAlignBytes));
  return {};
}

// Those of `count` parts of the blocks that are not zeros, named in pairs; how
// many are.
Result<uint64_t> IndexWorker::put_parts(ContentSourceId source, uint64_t at,
                                        size_t count, size_t bytes) {
  const auto part = [&](size_t i) {
    return std::span<const std::byte>(blocks() + i * bytes, bytes);
  };
  uint64_t zeros = 0;
  std::optional<size_t> waits;  // for another to be named with
  for (size_t i = 0; i < count; ++i) {
    if (is_zero(part(i))) {
      ++zeros;
    } else if (!waits) {
      waits = i;
    } else {
      const auto names = identity_.digest_pair(part(*waits), part(i));
      CAUSEWAY_TRY(add(names[0], {source, at + *waits * bytes}));
      CAUSEWAY_TRY(add(names[1], {source, at + i * bytes}));
      waits.reset();
    }
  }
  if (waits) {
    CAUSEWAY_TRY(
        add(identity_.digest(part(*waits)), {source, at + *waits * bytes}));
  }
  return zeros;
}

// The pieces that begin in these blocks and end at a cut. A place counts
// sectors: who looks there finds the cut (content_reader.h).
Status IndexWorker::put_by_content(ContentSourceId source, uint64_t at) {
  const std::span<const std::byte> all(buffer_.get() + begin_, end_ - begin_);
  const size_t blocks_begin = kCutWindowBytes - begin_;
  const size_t blocks_end = blocks_begin + block_count_ * kBlockBytes;
  auto cut = find_cut(all, std::max(blocks_begin, kCutWindowBytes));
  while (cut && *cut < blocks_end) {
    const auto piece = all.subspan(*cut, piece_bytes(all.subspan(*cut)));
    const size_t next = *cut + piece.size();
    const bool ends_at_cut = piece.size() < kPieceBytesMax && next < all.size();
    if (ends_at_cut && !is_zero(piece)) {
      const uint64_t offset = at + (*cut - blocks_begin);
      CAUSEWAY_TRY(
          add(identity_.digest(piece),
              {source, offset / kContentAlignBytes * kContentAlignBytes}));
    }
    cut = ends_at_cut ? next : find_cut(all, next);
  }
  return {};
}

Status IndexWorker::add(const ContentDigest& name, const ContentPlace& place) {
  entries_.push_back({name, place});
  return entries_.size() < kContentBatchMax ? Status() : flush();
}

Status IndexWorker::flush() {
  const Status put = store_.put(entries_);
  entries_.clear();
  return put;
}

}  // namespace causeway
