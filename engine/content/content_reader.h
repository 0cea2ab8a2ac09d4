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
#include <span>
#include <vector>

#include "engine/base/unique_fd.h"
#include "engine/content/content_identity.h"
#include "engine/content/content_index.h"

namespace causeway {

class ContentReader {
 public:
  // `index` outlives it.
  ContentReader(ContentIdentity identity, ContentIndex& index)
      : identity_(std::move(identity)), index_(index) {}

  // `fd` stays the caller's and open until unlend() or the end. A file's
  // source may be lent too.
  void lend(ContentSourceId source, int fd);
  void unlend(ContentSourceId source);

  // Whether `out` now has the content of that digest; if not, it has anything.
  // What cannot be opened or read is not there either.
  bool read(const ContentPlace& place, const ContentDigest& digest,
            std::span<std::byte, kBlockBytes> out);

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

  int fd_of(ContentSourceId source);  // -1: there is none
  int keep(ContentSourceId source, UniqueFd fd);
  void close(ContentSourceId source);

  ContentIdentity identity_;
  ContentIndex& index_;
  std::vector<Lent> lent_;
  std::vector<File> files_;
  size_t next_closed_ = 0;
  uint64_t reads_ = 0;
  uint64_t stale_ = 0;
};

}  // namespace causeway
