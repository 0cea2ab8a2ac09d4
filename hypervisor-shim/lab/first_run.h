// FirstRun: the moment at which the first vCPU of a machine went on after a
// resume, from the vCPUs' threads to the one that asked for the resume.
#pragma once

#include <condition_variable>
#include <mutex>

#include "engine/base/time.h"

namespace causeway::lab {

class FirstRun {
 public:
  // Before the vCPUs are told to go on; none of them runs.
  void forget();
  // A vCPU's thread: the last thing that it does before the guest runs.
  void note();
  // Waits for the first note(), which some vCPU is about to make.
  Instant await();

 private:
  std::mutex mutex_;
  std::condition_variable noted_;
  Instant at_ = kNever;  // guarded by mutex_
};

}  // namespace causeway::lab
