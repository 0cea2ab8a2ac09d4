// ProcessUse: CPU time and memory of this process, for the report.
#pragma once

#include <cstdint>

namespace causeway {

struct ProcessUse {
  uint64_t cpu_us = 0;  // user and system, all threads
  // Its own memory (RssAnon): the guest's RAM, which it maps, is not its own.
  uint64_t rss_bytes = 0;
};

ProcessUse process_use();

}  // namespace causeway
