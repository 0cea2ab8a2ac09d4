// A striped path over virtual links, all in one virtual time.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <vector>

#include "engine/path/loopback/virtual_link.h"
#include "engine/path/stripe/striped_path.h"

namespace causeway {

constexpr Duration ms(int64_t count) {
  return std::chrono::milliseconds(count);
}

inline VirtualLinkOptions line(double bits_s, Duration one_way_delay) {
  return {bits_s / 8, one_way_delay, size_t{1} << 20};
}

class StripeRig {
 public:
  explicit StripeRig(const std::vector<VirtualLinkOptions>& lanes,
                     const StripeOptions& options = {});

  OutboundPath& outbound() { return *outbound_; }
  InboundPath& inbound() { return *inbound_; }
  VirtualLink& link(uint32_t lane) { return *lanes_[lane].link; }
  Instant now() const { return now_; }
  void pass(Duration time) { now_ += time; }

  // The lane's link is gone, for good; a new one can be given.
  void cut(uint32_t lane);
  // Whether nobody holds the cut link any more; then heal() may come.
  bool can_heal(uint32_t lane) const;
  void heal(uint32_t lane);
  // No lane comes any more.
  void close();

  // Time jumps to `until`. False: nothing will ever happen.
  bool jump(Instant until);

 private:
  struct Lane {
    VirtualLinkOptions options;
    std::unique_ptr<VirtualLink> link;
    std::unique_ptr<OutboundPath> outbound;
    std::unique_ptr<InboundPath> inbound;
  };
  void open(uint32_t lane);

  OutboundBoard out_board_;
  InboundBoard in_board_;
  std::vector<Lane> lanes_;
  std::unique_ptr<OutboundPath> outbound_;
  std::unique_ptr<InboundPath> inbound_;
  Instant now_{};
};

}  // namespace causeway
