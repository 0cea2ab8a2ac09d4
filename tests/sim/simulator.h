// Simulator: drives steppers in virtual time, as engine/runtime's threads do
// in real time: each is stepped when its time has come or an fd of its wait
// set is ready; when none is, time jumps to the next wake-up.
#pragma once

#include <functional>
#include <vector>

#include "engine/base/stepper.h"

namespace causeway::sim {

class Simulator {
 public:
  void add(Stepper& stepper) { entries_.push_back({&stepper, Instant{}}); }

  // Called at each jump of time, with the time it jumps to.
  std::function<void(Instant)> on_time;

  // Runs until `finished` says so; false when `until` came first or nothing
  // would ever happen again.
  bool run(const std::function<bool()>& finished, Instant until);

  // For a stepper that blocks: so much time passes inside its step.
  void pass(Duration time);

  Instant now() const { return now_; }

 private:
  struct Entry {
    Stepper* stepper;
    Instant wake;
  };
  bool step_ready();
  Instant next_wake();

  std::vector<Entry> entries_;
  Instant now_{};
};

}  // namespace causeway::sim
