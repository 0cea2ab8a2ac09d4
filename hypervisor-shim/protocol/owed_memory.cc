#include "hypervisor-shim/protocol/owed_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <utility>

namespace causeway::shim {
namespace {

constexpr uint64_t kOwedMagic = 0x31574f5743;  // "CWOW1"
constexpr uint64_t kAlignBytes = 64;

struct Head {
  uint64_t magic;
  uint32_t version;
};
static_assert(sizeof(Head) <= kAlignBytes);

uint64_t bitmap_bytes(const RegionInfo& region) {
  const uint64_t bytes = BitmapView::word_count_for(region.blocks()) * 8;
  return (bytes + kAlignBytes - 1) / kAlignBytes * kAlignBytes;
}

}  // namespace

uint64_t OwedMemory::bytes_for(std::span<const RegionInfo> regions) {
  uint64_t bytes = kAlignBytes;
  for (const RegionInfo& region : regions) bytes += bitmap_bytes(region);
  return bytes;
}

OwedMemory::OwedMemory(UniqueFd fd, std::byte* memory,
                       std::span<const RegionInfo> regions)
    : fd_(std::move(fd)), memory_(memory), bytes_(bytes_for(regions)) {
  uint64_t offset = kAlignBytes;
  for (const RegionInfo& region : regions) {
    bitmaps_.emplace_back(reinterpret_cast<uint64_t*>(memory_ + offset),
                          region.blocks());
    offset += bitmap_bytes(region);
  }
  CAUSEWAY_ASSERT(offset == bytes_);
}

OwedMemory::OwedMemory(OwedMemory&& other) noexcept
    : fd_(std::move(other.fd_)),
      memory_(std::exchange(other.memory_, nullptr)),
      bytes_(other.bytes_),
      bitmaps_(std::move(other.bitmaps_)) {}

OwedMemory::~OwedMemory() {
  if (memory_ != nullptr) ::munmap(memory_, bytes_);
}

Result<OwedMemory> OwedMemory::map(UniqueFd fd,
                                   std::span<const RegionInfo> regions) {
  void* memory = ::mmap(nullptr, bytes_for(regions), PROT_READ | PROT_WRITE,
                        MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return errno_error(errno, "map the owed bitmaps");
  return OwedMemory(std::move(fd), static_cast<std::byte*>(memory), regions);
}

Result<OwedMemory> OwedMemory::create(std::span<const RegionInfo> regions) {
  UniqueFd fd(::memfd_create("causeway-owed", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return errno_error(errno, "memfd for the owed bitmaps");
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes_for(regions))) != 0)
    return errno_error(errno, "size the owed bitmaps");
  if (::fcntl(fd.get(), F_ADD_SEALS,
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return errno_error(errno, "seal the owed bitmaps");
  }
  CAUSEWAY_ASSIGN(OwedMemory owed, map(std::move(fd), regions));
  reinterpret_cast<Head*>(owed.memory_)->magic = kOwedMagic;
  return owed;
}

Result<OwedMemory> OwedMemory::attach(UniqueFd fd,
                                      std::span<const RegionInfo> regions) {
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0)
    return errno_error(errno, "look at the owed bitmaps");
  const int seals = ::fcntl(fd.get(), F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
    return make_error(ErrorCode::kPeerBroken,
                      "owed bitmaps: the VMM's memory for them is not sealed "
                      "against shrinking");
  }
  if (info.st_size < 0 ||
      static_cast<uint64_t>(info.st_size) < bytes_for(regions)) {
    return make_error(ErrorCode::kPeerBroken,
                      "owed bitmaps: the VMM gave {} bytes for them, its "
                      "regions need {}",
                      info.st_size, bytes_for(regions));
  }
  CAUSEWAY_ASSIGN(OwedMemory owed, map(std::move(fd), regions));
  if (reinterpret_cast<Head*>(owed.memory_)->magic != kOwedMagic) {
    return make_error(ErrorCode::kPeerBroken,
                      "owed bitmaps: the VMM's memory does not begin with "
                      "their mark");
  }
  return owed;
}

BitmapView OwedMemory::bitmap(RegionId region) const {
  CAUSEWAY_ASSERT(region < bitmaps_.size());
  return bitmaps_[region];
}

Version OwedMemory::version() const {
  auto& version = reinterpret_cast<Head*>(memory_)->version;
  return std::atomic_ref(version).load(std::memory_order_acquire);
}

void OwedMemory::set_version(Version version) const {
  auto& word = reinterpret_cast<Head*>(memory_)->version;
  std::atomic_ref(word).store(version, std::memory_order_release);
}

}  // namespace causeway::shim
