#include "engine/content/content_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/base/assert.h"

namespace causeway {
namespace {

// As many bytes as are there. Not mapped: a file that is cut off under a
// mapping kills the process.
size_t read_file(int fd, uint64_t offset_bytes, std::span<std::byte> out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = ::pread(fd, out.data() + done, out.size() - done,
                                static_cast<off_t>(offset_bytes + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
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

// The digest is taken of the copy: the file may change in between.
bool ContentReader::read(const ContentPlace& place, const ContentDigest& digest,
                         std::span<std::byte, kBlockBytes> out) {
  const int fd = fd_of(place.source);
  return count(fd >= 0 &&
                   read_file(fd, place.offset_bytes, out) == out.size() &&
                   identity_.digest(out) == digest,
               place.source);
}

std::optional<uint64_t> ContentReader::read_piece(const ContentPlace& place,
                                                  ContentCut cut,
                                                  const ContentDigest& digest,
                                                  std::span<std::byte> out) {
  CAUSEWAY_ASSERT(cut != ContentCut::kBlocks && !out.empty() &&
                  out.size() <= kPieceBytesMax);
  const size_t sector = cut == ContentCut::kSectors ? 0 : kContentAlignBytes;
  const auto around = read_around(place, sector + out.size());
  const auto is_it = [&](std::span<const std::byte> bytes) {
    if (bytes.size() < out.size()) return false;
    std::memcpy(out.data(), bytes.data(), out.size());
    return identity_.digest(out) == digest;
  };
  std::optional<size_t> at;
  if (around && cut == ContentCut::kByContent) {
    at = any_cut(*around, is_it);
  } else if (around && is_it(around->bytes.subspan(around->place))) {
    at = around->place;
  }
  if (!count(at.has_value(), place.source)) return std::nullopt;
  return place.offset_bytes + (*at - around->place);
}

bool ContentReader::read_at(ContentSourceId source, uint64_t offset_bytes,
                            const ContentDigest& digest,
                            std::span<std::byte> out) {
  const int fd = fd_of(source);
  return fd >= 0 && read_file(fd, offset_bytes, out) == out.size() &&
         identity_.digest(out) == digest;
}

bool ContentReader::has(const ContentPlace& place,
                        const ContentDigest& digest) {
  const auto around = read_around(place, kContentAlignBytes + kPieceBytesMax);
  const auto begins_with = [&](std::span<const std::byte> bytes, size_t size) {
    return bytes.size() >= size &&
           identity_.digest(bytes.first(size)) == digest;
  };
  const auto is_piece = [&](std::span<const std::byte> bytes) {
    return begins_with(bytes, piece_bytes(bytes));
  };
  const bool there =
      around &&
      (begins_with(around->bytes.subspan(around->place), kBlockBytes) ||
       begins_with(around->bytes.subspan(around->place), kContentAlignBytes) ||
       any_cut(*around, is_piece));
  return count(there, place.source);
}

std::optional<ContentReader::Surroundings> ContentReader::read_around(
    const ContentPlace& place, size_t bytes) {
  const int fd = fd_of(place.source);
  if (fd < 0) return std::nullopt;
  const size_t before = std::min<uint64_t>(kCutWindowBytes, place.offset_bytes);
  const std::span<std::byte> room(around_.get(), before + bytes);
  CAUSEWAY_ASSERT(room.size() <= kReachBytes);
  const size_t got = read_file(fd, place.offset_bytes - before, room);
  if (got <= before) return std::nullopt;
  return Surroundings{room.first(got), before};
}

template <typename IsIt>
std::optional<size_t> ContentReader::any_cut(const Surroundings& around,
                                             const IsIt& is_it) {
  const auto sector = around.bytes.first(
      std::min(around.bytes.size(), around.place + kContentAlignBytes));
  size_t from = std::max(around.place, kCutWindowBytes);
  for (int tries = 0; tries < kPieceTriesMax; ++tries) {
    const auto cut = find_cut(sector, from, kPieceLooseCutBits);
    if (!cut || is_it(around.bytes.subspan(*cut))) return cut;
    from = *cut + 1;
  }
  return std::nullopt;
}

bool ContentReader::count(bool there, ContentSourceId source) {
  ++reads_;
  if (there) return true;
  ++stale_;
  // Another file may have taken its name: the next read opens that one.
  close(source);
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
