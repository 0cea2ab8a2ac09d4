// PathChoice: which kind of path a migration takes when nobody said. A pure
// function of what is known before anything was sent.
#pragma once

#include <string>

#include "engine/base/time.h"

namespace causeway {

struct PathObservation {
  Duration rtt{0};         // between the agents
  bool encrypted = false;  // both ends have certificates: wan needs them
};

struct PathDecision {
  std::string kind;  // "tcp", "wan"
  std::string why;   // for the log
};

// From here on a round trip is one between sites: no two racks are as far
// apart as 500 km of fibre.
inline constexpr Duration kWanRttMin = std::chrono::milliseconds(5);

PathDecision choose_path(const PathObservation& seen);

}  // namespace causeway
