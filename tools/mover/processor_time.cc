#include "tools/mover/processor_time.h"

#include <sys/resource.h>

#include <fstream>
#include <string>

namespace causeway {
namespace {

Duration duration_of(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) +
         std::chrono::microseconds(time.tv_usec);
}

}  // namespace

// "cpu  user nice system idle iowait irq softirq steal guest guest_nice"; what
// guests used is in user and nice as well.
void read_host_time(std::istream& stat, ProcessorTime* time) {
  std::string name;
  if (!(stat >> name) || name != "cpu") return;
  constexpr int kColumns = 8;
  constexpr int kIdle = 3;
  constexpr int kWaiting = 4;
  uint64_t value = 0;
  for (int i = 0; i < kColumns && stat >> value; ++i) {
    time->host_all += value;
    if (i != kIdle && i != kWaiting) time->host_busy += value;
  }
}

ProcessorTime processor_time() {
  ProcessorTime time;
  rusage usage{};
  if (::getrusage(RUSAGE_THREAD, &usage) == 0) {
    time.own_thread = duration_of(usage.ru_utime) + duration_of(usage.ru_stime);
  }
  std::ifstream stat("/proc/stat");
  read_host_time(stat, &time);
  return time;
}

}  // namespace causeway
