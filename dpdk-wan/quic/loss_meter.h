// LossMeter: the share of a connection's packets that is lost. ngtcp2 0.12 does
// not say it; what is resent does. Recent packets count for more; before any
// was sent, one in a hundred is assumed.
#pragma once

#include <cstdint>

namespace causeway {

class LossMeter {
 public:
  void sent() {
    if (++sent_ < kMemoryPackets) return;
    sent_ /= 2;
    lost_ /= 2;
  }
  void lost() { ++lost_; }

  double share() const {
    const double share = (static_cast<double>(lost_) + 1) /
                         (static_cast<double>(sent_) + kFirstPackets);
    return share < 1 ? share : 1;
  }

 private:
  // 6 to 12 MB: enough to tell 1 % from 0.5 %, short enough to follow an
  // hour's changes.
  static constexpr uint64_t kMemoryPackets = 8192;
  static constexpr double kFirstPackets = 100;

  uint64_t sent_ = 0;
  uint64_t lost_ = 0;
};

}  // namespace causeway
