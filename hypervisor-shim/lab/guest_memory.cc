#include "hypervisor-shim/lab/guest_memory.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "engine/base/units.h"

namespace causeway::lab {

namespace {

constexpr uint32_t kHugePageBytes = 2u << 20;

// A number of /proc/meminfo ("MemAvailable:  123 kB" or "HugePages_Free: 1").
uint64_t meminfo(const std::string& name) {
  std::ifstream file("/proc/meminfo");
  std::string key;
  uint64_t value = 0;
  std::string rest;
  while (file >> key >> value && std::getline(file, rest)) {
    if (key == name + ":") return value;
  }
  return 0;
}

Status check_host_memory(uint64_t bytes, uint32_t page_bytes) {
  if (page_bytes == kHugePageBytes) {
    const uint64_t free = meminfo("HugePages_Free");
    const uint64_t reserved = meminfo("HugePages_Rsvd");
    const uint64_t usable = free > reserved ? free - reserved : 0;
    const uint64_t needed = bytes / kHugePageBytes;
    if (usable >= needed) return {};
    return make_error(
        ErrorCode::kNoSpace,
        "the guest needs {} huge pages of 2 MiB and this host has {} free: "
        "raise /proc/sys/vm/nr_hugepages or use --page-size 4K",
        needed, usable);
  }
  const uint64_t available = meminfo("MemAvailable") * 1024;
  if (available >= bytes) return {};
  return make_error(ErrorCode::kNoSpace,
                    "the guest needs {} of memory and this host has {} "
                    "available",
                    format_bytes(bytes), format_bytes(available));
}

}  // namespace

Result<GuestMemory> GuestMemory::create(const std::string& guest_name,
                                        uint64_t bytes, uint32_t page_bytes,
                                        uint64_t address) {
  CAUSEWAY_TRY(check_host_memory(bytes, page_bytes));
  const bool huge = page_bytes == kHugePageBytes;
  const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING |
                         (huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0u);
  UniqueFd fd(::memfd_create(("causeway-ram-" + guest_name).c_str(), flags));
  if (!fd) return errno_error(errno, "make the memfd of the guest's RAM");
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) {
    return errno_error(errno, "size the memfd of the guest's RAM");
  }
  // The mover maps it too and must not be killed by a shrinking file.
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
    return errno_error(errno, "seal the memfd of the guest's RAM");
  }
  // Where the process shim wants it, an address is a number.
  void* const at =
      // NOLINTNEXTLINE(performance-no-int-to-ptr)
      ::mmap(reinterpret_cast<void*>(address), bytes, PROT_READ | PROT_WRITE,
             MAP_SHARED | (address ? MAP_FIXED_NOREPLACE : 0), fd.get(), 0);
  if (at == MAP_FAILED) return errno_error(errno, "map the guest's RAM");
  return GuestMemory(std::move(fd), static_cast<std::byte*>(at), bytes,
                     page_bytes);
}

GuestMemory::GuestMemory(GuestMemory&& other) noexcept
    : fd_(std::move(other.fd_)),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(other.bytes_),
      page_bytes_(other.page_bytes_) {}

GuestMemory::~GuestMemory() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

}  // namespace causeway::lab
