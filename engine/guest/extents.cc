#include "engine/guest/extents.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/base/limits.h"

namespace causeway {

Result<UniqueFd> adopt_region_fd(const RegionInfo& info, int fd) {
  if (info.bytes == 0 || info.bytes % kBlockBytes != 0 ||
      info.bytes > kRegionBytesMax) {
    return make_error(ErrorCode::kInvalidArgument,
                      "region {}: {} bytes is not a size of 1 to {} whole "
                      "4096-byte blocks",
                      info.name, info.bytes, kRegionBytesMax / kBlockBytes);
  }
  UniqueFd own(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!own) return errno_error(errno, fmt::format("region {}: dup", info.name));
  // lseek, not fstat: it also tells the size of a block device.
  const off_t bytes = ::lseek(own.get(), 0, SEEK_END);
  if (bytes < 0) {
    return errno_error(errno, fmt::format("region {}: size", info.name));
  }
  if (static_cast<uint64_t>(bytes) < info.bytes) {
    return make_error(ErrorCode::kInvalidArgument,
                      "region {}: its file has {} bytes, {} were promised",
                      info.name, bytes, info.bytes);
  }
  return own;
}

Result<BitRun> next_data_extent(const RegionInfo& info, int fd, uint64_t from,
                                uint64_t end) {
  CAUSEWAY_ASSERT(from <= end && end <= info.blocks());
  if (from == end) return BitRun{from, 0};
  // A file without holes is known by one look; the walk to the end of a run
  // is one over all of its pages.
  struct stat status {};
  if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
      static_cast<uint64_t>(status.st_size) >= info.bytes &&
      static_cast<uint64_t>(status.st_blocks) * 512 >=
          static_cast<uint64_t>(status.st_size)) {
    return BitRun{from, end - from};
  }
  const off_t data =
      ::lseek(fd, static_cast<off_t>(from * kBlockBytes), SEEK_DATA);
  if (data < 0 && errno == ENXIO) {
    // No data up to the end of the file: which must still be where it was. A
    // file that was cut short must not look like a hole.
    const off_t bytes = ::lseek(fd, 0, SEEK_END);
    if (bytes >= 0 && static_cast<uint64_t>(bytes) >= info.bytes) {
      return BitRun{end, 0};
    }
    return make_error(ErrorCode::kIo,
                      "{}: its file has {} bytes, but the region has {}; was "
                      "it truncated?",
                      info.name, bytes, info.bytes);
  }
  if (data < 0 && errno == EINVAL) return BitRun{from, end - from};
  if (data < 0) {
    return errno_error(errno, fmt::format("region {}: SEEK_DATA", info.name));
  }
  const uint64_t first = static_cast<uint64_t>(data) / kBlockBytes;
  if (first >= end) return BitRun{end, 0};
  const off_t hole = ::lseek(fd, data, SEEK_HOLE);
  if (hole < 0) {
    return errno_error(errno, fmt::format("region {}: SEEK_HOLE", info.name));
  }
  const uint64_t stop =
      (static_cast<uint64_t>(hole) + kBlockBytes - 1) / kBlockBytes;
  return BitRun{first, std::min(stop, end) - first};
}

}  // namespace causeway
