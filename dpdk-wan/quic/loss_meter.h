// LossMeter: the share of a connection's packets that is lost. ngtcp2 0.12 does
// not say it; what is resent does. Recent packets count for more.
#pragma once

#include <cstdint>

namespace causeway {

class LossMeter {
 public:
  void sent() {
    ++packets_;
    if (++sent_ < kMemoryPackets) return;
    sent_ /= 2;
    lost_ /= 2;
  }
  void lost() {
    ++lost_;
    ++packets_lost_;
  }

  // Of all, not only of the recent.
  uint64_t packets() const { return packets_; }
  uint64_t packets_lost() const { return packets_lost_; }

  // As measured; 0 before anything was sent.
  double share() const {
    return sent_ == 0
               ? 0
               : at_most_all(static_cast<double>(lost_) / sent_packets());
  }
  // What to reckon with: as if a hundred packets more had been sent, and one
  // of them lost.
  double expected() const {
    return at_most_all((static_cast<double>(lost_) + 1) /
                       (sent_packets() + kFirstPackets));
  }

 private:
  // 6 to 12 MB: enough to tell 1 % from 0.5 %, short enough to follow an
  // hour's changes.
  static constexpr uint64_t kMemoryPackets = 8192;
  static constexpr double kFirstPackets = 100;

  static double at_most_all(double share) { return share < 1 ? share : 1; }
  double sent_packets() const { return static_cast<double>(sent_); }

  uint64_t sent_ = 0;
  uint64_t lost_ = 0;
  uint64_t packets_ = 0;
  uint64_t packets_lost_ = 0;
};

}  // namespace causeway
