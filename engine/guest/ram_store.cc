#include "engine/guest/ram_store.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "engine/guest/extents.h"

namespace causeway {
Result<std::unique_ptr<RamStore>> RamStore::open(const RegionInfo& info,
                                                 int fd) {
  CAUSEWAY_ASSIGN(UniqueFd own, adopt_region_fd(info, fd));
  void* base = ::mmap(nullptr, info.bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                      own.get(), 0);
  if (base == MAP_FAILED) {
    return errno_error(errno, fmt::format("region {}: mmap of {} bytes",
                                          info.name, info.bytes));
  }
  return std::unique_ptr<RamStore>(
      new RamStore(info, std::move(own), static_cast<std::byte*>(base)));
}

RamStore::~RamStore() { ::munmap(base_, info_.bytes); }

// Faults the blocks in with one call: a fault a page costs more than the copy
// of the page where page tables are shadowed. Only for ranges that hold data or
// will: a populated hole is allocated. Failure (EFAULT, an old kernel) is
// harmless, the pages then fault one by one.
std::byte* RamStore::populate(uint64_t first, uint64_t count, int advice) {
  CAUSEWAY_ASSERT(first <= info_.blocks() && count <= info_.blocks() - first);
  std::byte* at = base_ + first * kBlockBytes;
  if (present_.view().count(first, count) == count) return at;
  [[maybe_unused]] const int rc = ::madvise(at, count * kBlockBytes, advice);
  present_.view().set_range(first, count);
  return at;
}

Result<std::span<const std::byte>> RamStore::read(uint64_t first,
                                                  uint64_t count,
                                                  std::span<std::byte>) {
  return std::span<const std::byte>(populate(first, count, MADV_POPULATE_READ),
                                    count * kBlockBytes);
}

Result<BitRun> RamStore::next_data(uint64_t from, uint64_t end) {
  return next_data_extent(info_, fd_.get(), from, end);
}

// A block that is not there yet is better written than stored to: write()
// allocates its page without clearing it first and without a fault (1.5 GB/s a
// core against 1.2, measured here, read back included).
std::span<std::byte> RamStore::in_place(uint64_t first, uint64_t count) {
  CAUSEWAY_ASSERT(first <= info_.blocks() && count <= info_.blocks() - first);
  // hugetlbfs has no write(), and one fault gives 512 blocks.
  if (info_.page_bytes != kBlockBytes) {
    populate(first, count, MADV_POPULATE_WRITE);
  } else if (present_.view().count(first, count) < count) {
    return {};
  }
  return {base_ + first * kBlockBytes, count * kBlockBytes};
}

Status RamStore::write(uint64_t first, std::span<const std::byte> bytes) {
  CAUSEWAY_ASSERT(first + bytes.size() / kBlockBytes <= info_.blocks());
  for (size_t done = 0; done < bytes.size();) {
    const off_t at = static_cast<off_t>(first * kBlockBytes + done);
    const ssize_t put =
        ::pwrite(fd_.get(), bytes.data() + done, bytes.size() - done, at);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EINVAL) {  // hugetlbfs, as above
      std::memcpy(base_ + at, bytes.data() + done, bytes.size() - done);
      return {};
    }
    if (put < 0) {
      return errno_error(
          errno, fmt::format("{}: write at byte {} failed", info_.name, at));
    }
    done += static_cast<size_t>(put);
  }
  return {};
}

// Never punched: memory that a NIC has registered must keep its pages.
Status RamStore::clear(uint64_t first, uint64_t count) {
  std::memset(populate(first, count, MADV_POPULATE_WRITE), 0,
              count * kBlockBytes);
  return {};
}

}  // namespace causeway
