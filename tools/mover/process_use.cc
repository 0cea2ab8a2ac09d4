#include "tools/mover/process_use.h"

#include <sys/resource.h>

#include <fstream>
#include <string>

namespace causeway {
namespace {

uint64_t microseconds(const timeval& time) {
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000 +
         static_cast<uint64_t>(time.tv_usec);
}

}  // namespace

ProcessUse process_use() {
  ProcessUse use;
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    use.cpu_us = microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
  }
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("RssAnon:", 0) == 0) {
      use.rss_bytes = std::stoull(line.substr(8)) * 1024;
    }
  }
  return use;
}

}  // namespace causeway
