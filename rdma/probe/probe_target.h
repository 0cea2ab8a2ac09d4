// RdmaProbeTarget: takes a probe's messages; what it writes and reads needs
// nobody here. done() once the source has gone: its RDMA connection, or the
// control stream, on which nothing is said.
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
  void wait_on(WaitSet& set) const override {
    worker_.endpoint->wait_on(set);
    control_.wait_on(set, /*unsent=*/false);
  }
  bool done() const override { return gone_; }

 private:
  Result<bool> take();
  bool source_is_there();

  TcpStream control_;
  RdmaWorker worker_;
  bool gone_ = false;
};

}  // namespace causeway
