#include "engine/content/content_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace causeway {
namespace {

// Not mapped: a file that is cut off under a mapping kills the process. False
// where it ends before.
bool read_block(int fd, uint64_t offset_bytes,
                std::span<std::byte, kBlockBytes> out) {
  for (size_t done = 0; done < out.size();) {
    const ssize_t got = ::pread(fd, out.data() + done, out.size() - done,
                                static_cast<off_t>(offset_bytes + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += static_cast<size_t>(got);
  }
  return true;
}

// A path may have become anything since it was indexed: what is no file or
// disk is not waited for.
UniqueFd open_file(const std::string& path) {
  UniqueFd fd(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) return {};
  if (!S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode)) return {};
  return fd;
}

}  // namespace

void ContentReader::lend(ContentSourceId source, int fd) {
  unlend(source);
  lent_.push_back({source, fd});
}

void ContentReader::unlend(ContentSourceId source) {
  std::erase_if(lent_, [&](const Lent& it) { return it.source == source; });
}

bool ContentReader::read(const ContentPlace& place, const ContentDigest& digest,
                         std::span<std::byte, kBlockBytes> out) {
  ++reads_;
  const int fd = fd_of(place.source);
  // The digest is taken of the copy: the file may change in between.
  if (fd >= 0 && read_block(fd, place.offset_bytes, out) &&
      identity_.digest(out.data()) == digest) {
    return true;
  }
  ++stale_;
  // Another file may have taken its name: the next read opens that one.
  close(place.source);
  return false;
}

int ContentReader::fd_of(ContentSourceId source) {
  for (const Lent& lent : lent_) {
    if (lent.source == source) return lent.fd;
  }
  for (const File& file : files_) {
    if (file.source == source) return file.fd.get();
  }
  const auto found = index_.source(source);
  if (!found || found->kind != ContentKind::kFile) return -1;
  UniqueFd fd = open_file(found->name);
  return fd ? keep(source, std::move(fd)) : -1;
}

int ContentReader::keep(ContentSourceId source, UniqueFd fd) {
  if (files_.size() < kContentFilesOpenMax) {
    files_.push_back({source, std::move(fd)});
    return files_.back().fd.get();
  }
  File& file = files_[next_closed_++ % files_.size()];
  file = {source, std::move(fd)};
  return file.fd.get();
}

void ContentReader::close(ContentSourceId source) {
  std::erase_if(files_, [&](const File& it) { return it.source == source; });
}

}  // namespace causeway
