#include "tools/topology/pin_limit.h"

#include <linux/capability.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>

#include "engine/base/units.h"

namespace causeway {
namespace {

std::optional<uint64_t> bytes_of(rlim_t limit) {
  if (limit == RLIM_INFINITY) return std::nullopt;
  return limit;
}

}  // namespace

bool has_ipc_lock(std::istream& status) {
  const std::string key = "CapEff:";
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(key)) continue;
    const uint64_t set = std::strtoull(line.c_str() + key.size(), nullptr, 16);
    return (set >> CAP_IPC_LOCK & 1) != 0;
  }
  return false;
}

Result<PinLimit> read_pin_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) {
    return errno_error(errno, "getrlimit of RLIMIT_MEMLOCK");
  }
  std::ifstream status("/proc/self/status");
  return PinLimit{bytes_of(limit.rlim_cur), bytes_of(limit.rlim_max),
                  has_ipc_lock(status)};
}

std::string pin_advice(const PinLimit& limit, uint64_t need_bytes) {
  const auto may = limit.bytes();
  if (!may || *may >= need_bytes) return {};
  const bool hard = limit.hard_bytes && *limit.hard_bytes < need_bytes;
  return fmt::format(
      "RDMA would pin up to {} and may pin {}: give the agent more by "
      "LimitMEMLOCK=infinity in its unit, or `ulimit -l unlimited` in the "
      "shell that starts it{}, or CAP_IPC_LOCK",
      format_bytes(need_bytes), format_bytes(*may),
      hard ? " (the hard limit is too low: root must)" : "");
}

}  // namespace causeway
