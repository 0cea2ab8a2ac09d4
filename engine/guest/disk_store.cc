#include "engine/guest/disk_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "engine/guest/extents.h"

namespace causeway {

Result<std::unique_ptr<DiskStore>> DiskStore::open(const RegionInfo& info,
                                                   int fd) {
  CAUSEWAY_ASSIGN(UniqueFd own, adopt_region_fd(info, fd));
  return std::unique_ptr<DiskStore>(new DiskStore(info, std::move(own)));
}

Result<std::span<const std::byte>> DiskStore::read(
    uint64_t first, uint64_t count, std::span<std::byte> scratch) {
  const size_t bytes = count * kBlockBytes;
  CAUSEWAY_ASSERT(scratch.size() >= bytes && first + count <= info_.blocks());
  for (size_t done = 0; done < bytes;) {
    const off_t at = static_cast<off_t>(first * kBlockBytes + done);
    const ssize_t got =
        ::pread(fd_.get(), scratch.data() + done, bytes - done, at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return errno_error(
          errno, fmt::format("{}: read at byte {} failed", info_.name, at));
    }
    if (got == 0) {
      return make_error(ErrorCode::kIo,
                        "{}: read at byte {} failed: the file ends there, but "
                        "the disk has {} bytes; was it truncated?",
                        info_.name, at, info_.bytes);
    }
    done += static_cast<size_t>(got);
  }
  return std::span<const std::byte>(scratch.first(bytes));
}

Result<BitRun> DiskStore::next_data(uint64_t from, uint64_t end) {
  return next_data_extent(info_, fd_.get(), from, end);
}

Status DiskStore::write(uint64_t first, std::span<const std::byte> bytes) {
  CAUSEWAY_ASSERT(first + bytes.size() / kBlockBytes <= info_.blocks());
  for (size_t done = 0; done < bytes.size();) {
    const off_t at = static_cast<off_t>(first * kBlockBytes + done);
    const ssize_t put =
        ::pwrite(fd_.get(), bytes.data() + done, bytes.size() - done, at);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      return errno_error(
          errno, fmt::format("{}: write at byte {} failed", info_.name, at));
    }
    done += static_cast<size_t>(put);
  }
  // Starts the write-back without waiting: the sync at the end of a round then
  // finds little left to do. Only a hint, so its failure is no trouble.
  [[maybe_unused]] const int rc = ::sync_file_range(
      fd_.get(), static_cast<off_t>(first * kBlockBytes),
      static_cast<off_t>(bytes.size()), SYNC_FILE_RANGE_WRITE);
  return {};
}

Status DiskStore::clear(uint64_t first, uint64_t count) {
  const off_t at = static_cast<off_t>(first * kBlockBytes);
  const off_t bytes = static_cast<off_t>(count * kBlockBytes);
  if (::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
                  bytes) == 0) {
    return {};
  }
  // Not every file system or device can punch: write zeros then.
  static constexpr std::array<std::byte, 64 * kBlockBytes> kZeros{};
  for (uint64_t done = 0; done < count;) {
    const uint64_t piece = std::min<uint64_t>(count - done, 64);
    CAUSEWAY_TRY(
        write(first + done, std::span(kZeros).first(piece * kBlockBytes)));
    done += piece;
  }
  return {};
}

Status DiskStore::sync() {
  if (::fdatasync(fd_.get()) == 0) return {};
  return errno_error(errno, fmt::format("{}: fdatasync failed", info_.name));
}

}  // namespace causeway
