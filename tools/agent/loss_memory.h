// LossMemory: what share of the packets was lost on the way to other hosts,
// when a probe or a migration last measured it. Forgotten after an hour, and
// with the agent. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "engine/base/time.h"

namespace causeway {

class LossMemory {
 public:
  struct Measurement {
    double loss = 0;
    uint64_t packets = 0;  // that it is a share of; of too few it says nothing
  };
  // `host`: how the target's agent is called.
  void remember(const std::string& host, const Measurement& line, Instant now);
  std::optional<double> recall(const std::string& host, Instant now) const;

 private:
  struct Measured {
    double loss = 0;
    Instant at;
  };
  void forget_oldest();

  mutable std::mutex mutex_;
  std::map<std::string, Measured> measured_;
};

}  // namespace causeway
