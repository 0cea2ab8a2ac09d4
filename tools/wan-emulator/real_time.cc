#include "tools/wan-emulator/real_time.h"

#include <sched.h>
#include <sys/prctl.h>

#include <cerrno>

#include "engine/base/result.h"

namespace causeway {
namespace {

// Above the ordinary programs, below what a host itself runs at real-time
// priority.
constexpr int kPriority = 2;

}  // namespace

std::string take_real_time_priority() {
  // Of ordinary threads the kernel rounds timers up by 50 us.
  ::prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  sched_param priority = {};
  priority.sched_priority = kPriority;
  if (::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority) ==
      0) {
    return {};
  }
  return errno_error(errno, "SCHED_FIFO (needs CAP_SYS_NICE)").message;
}

}  // namespace causeway
