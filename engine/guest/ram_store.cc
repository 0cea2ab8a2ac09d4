#include "engine/guest/ram_store.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "engine/guest/extents.h"

namespace causeway {
namespace {

// Faults the pages in with one call: a fault a page costs more than the copy
// of the page where page tables are shadowed. Only for ranges that hold data:
// a populated hole would be allocated. Failure is harmless (EFAULT, old
// kernel): the pages then fault one by one.
void populate(std::byte* at, size_t bytes, int advice) {
  [[maybe_unused]] const int rc = ::madvise(at, bytes, advice);
}

}  // namespace

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

Result<std::span<const std::byte>> RamStore::read(uint64_t first,
                                                  uint64_t count,
                                                  std::span<std::byte>) {
  CAUSEWAY_ASSERT(first <= info_.blocks() && count <= info_.blocks() - first);
  std::byte* at = base_ + first * kBlockBytes;
  populate(at, count * kBlockBytes, MADV_POPULATE_READ);
  return std::span<const std::byte>(at, count * kBlockBytes);
}

Result<BitRun> RamStore::next_data(uint64_t from, uint64_t end) {
  return next_data_extent(info_, fd_.get(), from, end);
}

std::span<std::byte> RamStore::in_place(uint64_t first, uint64_t count) {
  CAUSEWAY_ASSERT(first <= info_.blocks() && count <= info_.blocks() - first);
  std::byte* at = base_ + first * kBlockBytes;
  populate(at, count * kBlockBytes, MADV_POPULATE_WRITE);
  return {at, count * kBlockBytes};
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
