#include "hypervisor-shim/process/write_protect_tracker.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "engine/guest/region.h"
#include "hypervisor-shim/process/kernel_abi.h"

namespace causeway::process {
namespace {

// Ranges a scan: 12 KiB of stack, and a random pattern of writes takes one
// call for 512 blocks.
constexpr size_t kRangesMax = 512;

constexpr uint64_t kFeatures =
    UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_HUGETLBFS_SHMEM;

Error kernel_too_old(const char* what) {
  return make_error(ErrorCode::kIncompatible,
                    "process-wp dirty tracking: this kernel has no {}; use "
                    "Linux 6.7 or newer, or a host with /dev/kvm",
                    what);
}

Result<UniqueFd> open_userfaultfd() {
  // The kernel resolves the faults itself, so the right to handle faults of
  // kernel code, which users lack by default, is not needed.
  UniqueFd fd(static_cast<int>(::syscall(
      SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY)));
  if (!fd && errno == ENOSYS) return kernel_too_old("userfaultfd");
  if (!fd) return errno_error(errno, "process-wp dirty tracking: userfaultfd");
  uffdio_api api{};
  api.api = UFFD_API;
  api.features = kFeatures;
  if (::ioctl(fd.get(), UFFDIO_API, &api) != 0)
    return kernel_too_old("userfaultfd write protection without events");
  return fd;
}

Result<UniqueFd> open_pagemap() {
  UniqueFd fd(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  if (!fd) return errno_error(errno, "open /proc/self/pagemap");
  pm_scan_arg nothing{};
  nothing.size = sizeof(nothing);
  if (::ioctl(fd.get(), PAGEMAP_SCAN, &nothing) < 0 && errno == ENOTTY)
    return kernel_too_old("PAGEMAP_SCAN");
  return fd;
}

// A written page that is swapped out leaves the page table without a trace of
// the write. Locked pages are not; holes stay holes.
bool keep_mapped(std::span<std::byte> memory) {
  struct sysinfo host {};
  if (::sysinfo(&host) == 0 && host.totalswap == 0) return true;
  return ::mlock2(memory.data(), memory.size(), MLOCK_ONFAULT) == 0;
}

}  // namespace

Result<WriteProtectTracker> WriteProtectTracker::create(
    std::span<std::byte> memory) {
  CAUSEWAY_ASSIGN(UniqueFd faults, open_userfaultfd());
  CAUSEWAY_ASSIGN(UniqueFd pagemap, open_pagemap());
  return WriteProtectTracker(memory, std::move(faults), std::move(pagemap),
                             keep_mapped(memory));
}

template <typename Fn>
Status WriteProtectTracker::scan(Fn fn) {
  const auto begin = reinterpret_cast<uint64_t>(memory_.data());
  std::array<page_region, kRangesMax> ranges;
  pm_scan_arg scan{};
  scan.size = sizeof(scan);
  scan.flags = PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC;
  scan.end = begin + memory_.size();
  scan.vec = reinterpret_cast<uint64_t>(ranges.data());
  scan.vec_len = ranges.size();
  scan.category_mask = PAGE_IS_WRITTEN;
  // Asked for PAGE_IS_WRITTEN alone, Linux 6.12 also reports the holes beside
  // a written page.
  scan.return_mask = PAGE_IS_WRITTEN | PAGE_IS_PRESENT;
  for (scan.start = begin; scan.start < scan.end; scan.start = scan.walk_end) {
    const int count = ::ioctl(pagemap_.get(), PAGEMAP_SCAN, &scan);
    if (count < 0) return errno_error(errno, "process-wp: PAGEMAP_SCAN");
    CAUSEWAY_ASSERT(scan.walk_end > scan.start);
    for (int i = 0; i < count; ++i) {
      const uint64_t first = (ranges[i].start - begin) / kBlockBytes;
      fn(first, (ranges[i].end - begin) / kBlockBytes - first);
    }
  }
  return {};
}

Status WriteProtectTracker::start() {
  if (!stays_mapped_) {
    return make_error(ErrorCode::kPermission,
                      "process-wp dirty tracking: this host swaps, and the "
                      "guest's {} MiB may not be locked in memory; raise the "
                      "memlock limit (ulimit -l) or turn swap off",
                      memory_.size() >> 20);
  }
  uffdio_register range{};
  range.range.start = reinterpret_cast<uint64_t>(memory_.data());
  range.range.len = memory_.size();
  range.mode = UFFDIO_REGISTER_MODE_WP;
  if (::ioctl(faults_.get(), UFFDIO_REGISTER, &range) != 0)
    return errno_error(errno, "process-wp: register the guest's RAM");
  // Protects what is there. A hole needs no protection: once it is written,
  // it is a page without, and so reported.
  return scan([](uint64_t, uint64_t) {});
}

Status WriteProtectTracker::collect(BitmapView bitmap) {
  CAUSEWAY_ASSERT(bitmap.size() == memory_.size() / kBlockBytes);
  return scan([&bitmap](uint64_t first, uint64_t count) {
    bitmap.set_range(first, count);
  });
}

Status WriteProtectTracker::stop() {
  uffdio_range range{};
  range.start = reinterpret_cast<uint64_t>(memory_.data());
  range.len = memory_.size();
  if (::ioctl(faults_.get(), UFFDIO_UNREGISTER, &range) != 0)
    return errno_error(errno, "process-wp: release the guest's RAM");
  return {};
}

}  // namespace causeway::process
