#include "tools/agent/host_capacity.h"

#include <sys/statvfs.h>

#include <fstream>

#include "engine/base/units.h"

namespace causeway {

Result<HostMemory> read_host_memory() {
  std::ifstream file("/proc/meminfo");
  HostMemory memory;
  bool found = false;
  uint64_t huge_pages = 0;
  uint64_t huge_kib = 0;
  std::string line;
  while (std::getline(file, line)) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string key = line.substr(0, colon);
    const uint64_t value = std::strtoull(line.c_str() + colon + 1, nullptr, 10);
    if (key == "MemAvailable") {
      memory.available_bytes = value << 10;
      found = true;
    }
    if (key == "HugePages_Free") huge_pages = value;
    if (key == "Hugepagesize") huge_kib = value;
  }
  if (!found) {
    return make_error(ErrorCode::kIo,
                      "/proc/meminfo does not say how much memory is free");
  }
  if (huge_kib == 2048) memory.huge_free_bytes = huge_pages << 21;
  return memory;
}

Status check_memory(const MemoryDemand& demand, const HostMemory& host) {
  const std::string need = format_bytes(demand.need_bytes);
  if (demand.limit_bytes > 0) {
    const uint64_t left = demand.limit_bytes > demand.used_bytes
                              ? demand.limit_bytes - demand.used_bytes
                              : 0;
    if (demand.need_bytes > left) {
      return make_error(ErrorCode::kNoSpace,
                        "short of memory: the guest needs {}, {} of the {} "
                        "that guests may use here are left (--memory-limit)",
                        need, format_bytes(left),
                        format_bytes(demand.limit_bytes));
    }
  }
  const bool huge = demand.page_bytes > 4096;
  const uint64_t there = huge ? host.huge_free_bytes : host.available_bytes;
  const uint64_t left =
      there > demand.coming_bytes ? there - demand.coming_bytes : 0;
  if (demand.need_bytes <= left) return {};
  return make_error(ErrorCode::kNoSpace,
                    "short of memory: the guest needs {}, the host has {} "
                    "free{}",
                    need, format_bytes(left),
                    huge ? " in 2 MiB pages (/proc/sys/vm/nr_hugepages)" : "");
}

Status check_disk_space(const std::string& folder, uint64_t need_bytes,
                        uint64_t coming_bytes) {
  struct statvfs stat = {};
  if (statvfs(folder.c_str(), &stat) != 0) {
    return errno_error(errno, "statvfs of " + folder);
  }
  const uint64_t free = stat.f_bavail * stat.f_frsize;
  const uint64_t left = free > coming_bytes ? free - coming_bytes : 0;
  if (need_bytes <= left) return {};
  return make_error(ErrorCode::kNoSpace,
                    "short of disk space: the guest's disk needs {}, {} has "
                    "{} free",
                    format_bytes(need_bytes), folder, format_bytes(left));
}

}  // namespace causeway
