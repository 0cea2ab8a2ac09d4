// Driver: steps steppers on the calling thread, and sleeps (ppoll) when none
// has anything to do: until an fd that one of them names is ready, or the
// earliest time that one asked for. An idle driver does not wake up at all.
#pragma once

#include <poll.h>

#include <atomic>
#include <vector>

#include "engine/base/notifier.h"
#include "engine/base/stepper.h"

namespace causeway {

class Driver {
 public:
  // The steppers outlive the driver; none is added while it runs.
  void add(Stepper& stepper);

  // Until all steppers are done, or `last` is (one of them), or stop().
  void run(const Stepper* last = nullptr);

  // Any thread, any time; for good.
  void stop();

 private:
  bool finished(const Stepper* last) const;
  Instant step_all();
  void sleep(Instant until);

  std::vector<Stepper*> steppers_;
  std::vector<pollfd> waiting_;  // room for all is made by add()
  Notifier wake_;
  std::atomic<bool> stopping_{false};
};

}  // namespace causeway
