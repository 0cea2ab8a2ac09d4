// ProcessorTime: what the processors of this host have done so far.
#pragma once

#include <cstdint>
#include <istream>

#include "engine/base/time.h"

namespace causeway {

struct ProcessorTime {
  Duration own_thread{0};  // the calling thread, user and system
  // Of all processors since the host's start, in one unit (/proc/stat).
  uint64_t host_busy = 0;
  uint64_t host_all = 0;
};

ProcessorTime processor_time();

// Of /proc/stat, its first line; nothing: zeros.
void read_host_time(std::istream& stat, ProcessorTime* time);

}  // namespace causeway
