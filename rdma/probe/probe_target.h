// RdmaProbeTarget: takes a probe's messages; what it writes and reads needs
// nobody here. done() once the source has gone.
#pragma once

#include <memory>

#include "engine/base/stepper.h"
#include "rdma/rdma_handshake.h"

namespace causeway {

class RdmaProbeTarget final : public Stepper {
 public:
  explicit RdmaProbeTarget(RdmaHandshake agreed)
      : control_(std::move(agreed.streams.front())),
        worker_(std::move(agreed.workers.front())) {}

  Instant step(Instant now) override;
  void wait_on(WaitSet& set) const override { worker_.endpoint->wait_on(set); }
  bool done() const override { return gone_; }

 private:
  Result<bool> take();

  TcpStream control_;  // its end is the probe's
  RdmaWorker worker_;
  bool gone_ = false;
};

}  // namespace causeway
