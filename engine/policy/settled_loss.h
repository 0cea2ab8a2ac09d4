// SettledLoss: what share of its packets a line loses, without what the start
// of a connection does to it. Congestion control finds a line's rate by going
// beyond it: its first round trips fill the line's queue and overflow it, by
// 30 % where that is short. What is lost after that the line loses.
//
// A pure function of what it was shown, time included.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/base/time.h"

namespace causeway {

// The start of BBR2 takes about ten round trips, BBR's a few more, and what
// they have lost shows two later.
inline constexpr int kStartRoundTrips = 15;
// On a short line it is the processes that take their time.
inline constexpr Duration kStartTimeMin = std::chrono::milliseconds(500);

class SettledLoss {
 public:
  // Counted since the path was opened. A count that went back is another
  // connection's, which starts as well.
  struct Seen {
    Duration rtt{0};  // 0: not known yet
    uint64_t packets = 0;
    uint64_t packets_lost = 0;
  };
  void see(const Seen& seen, Instant now);

  uint64_t packets() const { return last_.packets - first_.packets; }
  // 0 before there were packets.
  double share() const;

 private:
  void begin(const Seen& seen, Instant now);

  std::optional<Instant> began_;
  bool settled_ = false;
  Duration rtt_max_{0};
  Seen first_;  // when it had settled
  Seen last_;
};

}  // namespace causeway
