// Metrics: what an agent counts, as Prometheus reads it (text exposition
// format 0.0.4, https://prometheus.io/docs/instrumenting/exposition_formats/).
// Own code because Debian 12 has no C++ client library.
//
// Thread-safe. Labels are few: roles, states, error kinds; never a guest's
// name, of which there may be any number.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "engine/base/result.h"

namespace causeway {

// Of a guest that has moved away, from its report.
struct MovedCounts {
  uint64_t rounds = 0;
  uint64_t state_bytes = 0;
  uint64_t wire_bytes = 0;
  double blackout_s = 0;
};

class Metrics {
 public:
  void moved(const MovedCounts& counts);
  // A migration from here that did not move its guest.
  void failed(ErrorCode code);
  void arrived();
  void not_arrived();

  // What the moment's gauges are: "running" -> 3.
  struct Gauges {
    std::map<std::string, uint64_t> guests_by_state;
    std::map<std::string, uint64_t> migrations_by_state;
  };
  std::string text(const Gauges& gauges) const;

 private:
  // Blackouts span from a small guest's to one that was stopped and copied.
  static constexpr std::array kBlackoutBounds = {
      0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 60.0};

  mutable std::mutex mutex_;
  uint64_t departed_ = 0;
  uint64_t arrived_ = 0;
  uint64_t not_arrived_ = 0;
  uint64_t rounds_ = 0;
  uint64_t state_bytes_ = 0;
  uint64_t wire_bytes_ = 0;
  std::map<std::string, uint64_t> failed_by_code_;
  std::array<uint64_t, kBlackoutBounds.size()> blackouts_{};  // not summed up
  double blackout_sum_s_ = 0;
};

}  // namespace causeway
