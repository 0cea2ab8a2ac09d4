#include "engine/base/stop_point.h"

#ifdef CAUSEWAY_STOP_POINTS

#include <signal.h>

#include <atomic>
#include <cstdlib>
#include <string>

namespace causeway {
namespace {

struct Wanted {
  std::string name;
  int times = 1;
};

Wanted wanted_of(const char* text) {
  Wanted wanted{text == nullptr ? "" : text, 1};
  const size_t at = wanted.name.find('@');
  if (at == std::string::npos) return wanted;
  wanted.times = std::atoi(wanted.name.c_str() + at + 1);
  wanted.name.resize(at);
  return wanted;
}

}  // namespace

void stop_point(const char* name) {
  static const Wanted wanted = wanted_of(std::getenv("CAUSEWAY_STOP_AT"));
  static std::atomic<int> seen{0};
  if (wanted.name != name) return;
  if (seen.fetch_add(1) + 1 == wanted.times) ::raise(SIGSTOP);
}

}  // namespace causeway

#endif
