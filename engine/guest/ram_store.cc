#include "engine/guest/ram_store.h"

#include <sys/mman.h>

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

std::span<std::byte> RamStore::in_place(uint64_t first, uint64_t count) {
  return {populate(first, count, MADV_POPULATE_WRITE), count * kBlockBytes};
}

Status RamStore::write(uint64_t first, std::span<const std::byte> bytes) {
  const auto place = in_place(first, bytes.size() / kBlockBytes);
  std::memcpy(place.data(), bytes.data(), bytes.size());
  return {};
}

// Never punched: memory that a NIC has registered must keep its pages.
Status RamStore::clear(uint64_t first, uint64_t count) {
  const auto place = in_place(first, count);
  std::memset(place.data(), 0, place.size());
  return {};
}

}  // namespace causeway
