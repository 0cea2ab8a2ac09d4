// ContentReader: reads the block that a place of the index speaks of, and
// looks whether it is that content. Content that has changed, was cut off or
// is gone is "not there": a stale index costs bytes, never a wrong byte.
//
// Files are opened as their sources are first asked for, and up to
// kContentFilesOpenMax stay open; a region of a guest is read by the descriptor
// that its owner lends (RAM's memfd, a disk's file). Owned by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/unique_fd.h"
#include "engine/content/content_cutter.h"
#include "engine/content/content_identity.h"
#include "engine/content/content_index.h"

namespace causeway {

class ContentReader {
 public:
  // `index` outlives it.
  ContentReader(ContentIdentity identity, ContentIndex& index)
      : identity_(std::move(identity)),
        index_(index),
        around_(new std::byte[kReachBytes]) {}

  // `fd` stays the caller's and open until unlend() or the end. A file's
  // source may be lent too.
  void lend(ContentSourceId source, int fd);
  void unlend(ContentSourceId source);

  // Whether `out` now has the content of that digest; if not, it has anything.
  // What cannot be opened or read is not there either.
  bool read(const ContentPlace& place, const ContentDigest& digest,
            std::span<std::byte, kBlockBytes> out);

  // The same of a piece of content (content_cutter.h) of out.size() bytes, at
  // most kPieceBytesMax. At which byte of the source it begins; nothing: it is
  // not there.
  std::optional<uint64_t> read_piece(const ContentPlace& place, ContentCut cut,
                                     const ContentDigest& digest,
                                     std::span<std::byte> out);
  // The same at that very byte: a guess, which says nothing about the index.
  bool read_at(ContentSourceId source, uint64_t offset_bytes,
               const ContentDigest& digest, std::span<std::byte> out);

  // Whether the digest is that of a block or of a piece there, of any length.
  bool has(const ContentPlace& place, const ContentDigest& digest);

  uint64_t reads() const { return reads_; }
  uint64_t stale() const { return stale_; }  // of them: not there

 private:
  struct File {
    ContentSourceId source;
    UniqueFd fd;
  };
  struct Lent {
    ContentSourceId source;
    int fd;
  };

  // A sector and what a piece that begins in it may reach, and what a cut in it
  // depends on.
  static constexpr size_t kReachBytes =
      kCutWindowBytes + kContentAlignBytes + kPieceBytesMax;

  // What is around a place: the bytes before it that a cut depends on, as far
  // as they are there, and `bytes` behind it.
  struct Surroundings {
    std::span<const std::byte> bytes;
    size_t place = 0;  // where it is in them
  };
  std::optional<Surroundings> read_around(const ContentPlace& place,
                                          size_t bytes);
  // Calls `is_it` with what begins at each cut in the place's sector, until it
  // is; where that was, in the surroundings.
  template <typename IsIt>
  static std::optional<size_t> any_cut(const Surroundings& around,
                                       const IsIt& is_it);
  bool count(bool there, ContentSourceId source);

  int fd_of(ContentSourceId source);  // -1: there is none
  int keep(ContentSourceId source, UniqueFd fd);
  void close(ContentSourceId source);

  ContentIdentity identity_;
  ContentIndex& index_;
  std::vector<Lent> lent_;
  std::vector<File> files_;
  std::unique_ptr<std::byte[]> around_;
  size_t next_closed_ = 0;
  uint64_t reads_ = 0;
  uint64_t stale_ = 0;
};

}  // namespace causeway
