// Both ends of a striped wan path over kernel sockets, a relay on each lane.
#pragma once

#include <memory>
#include <vector>

#include "dpdk-wan/lanes/inbound_lanes.h"
#include "dpdk-wan/lanes/outbound_lanes.h"
#include "tests/contract/path_contract.h"
#include "tests/dpdk-wan/udp_relay.h"
#include "tests/engine/path/tcp/test_certificates.h"

namespace causeway {

class LanesLab final : public PathLab {
 public:
  LanesLab(size_t lanes, const PathLabOptions& options, RelayTrouble trouble,
           Duration silence_max = std::chrono::seconds(2));

  OutboundPath& outbound() override { return *outbound_; }
  InboundPath& inbound() override { return *inbound_; }
  Instant now() override;
  bool wait(const WaitSet& set, Instant until) override;
  bool is_ready(const WaitSet& set) override;
  void cut() override;
  bool keeps_order() const override { return relays_.size() == 1; }

  UdpRelay& relay(size_t lane) { return *relays_[lane]; }
  std::vector<LaneReport> report() const { return outbound_->report(); }
  // Until so many lanes are up; false: not in time.
  bool await_up(size_t lanes) const;

 private:
  TestCertificates certificates_;  // read again when a lane is
  std::vector<std::unique_ptr<UdpRelay>> relays_;
  std::unique_ptr<OutboundLanes> outbound_;
  std::unique_ptr<InboundPath> inbound_;
};

}  // namespace causeway
