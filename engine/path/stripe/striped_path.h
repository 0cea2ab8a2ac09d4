// StripedOutboundPath, StripedInboundPath: the two ends of a path over the
// lanes of a board. Who opens lanes, and again when they break, posts them
// there: a test, or dpdk-wan/lanes. The board outlives the path, the path its
// channels.
#pragma once

#include <memory>
#include <string>

#include "engine/path/path.h"
#include "engine/path/stripe/lane_board.h"
#include "engine/path/stripe/striped_bulk_channel.h"
#include "engine/path/stripe/striped_bulk_receiver.h"

namespace causeway {

class StripedOutboundPath final : public OutboundPath {
 public:
  // `name`: of the lanes' kind of path.
  StripedOutboundPath(OutboundBoard& board, std::string name,
                      const StripeOptions& options)
      : board_(board), name_(std::move(name)), options_(options) {}

  std::string name() const override { return name_; }
  Result<std::unique_ptr<ControlChannel>> open_control() override;
  Result<std::unique_ptr<BulkChannel>> open_bulk(uint32_t worker) override;
  // The shortest round trip, and the rates' sum, of the lanes that are up.
  PathStats stats() const override;

 private:
  OutboundBoard& board_;
  std::string name_;
  StripeOptions options_;
};

class StripedInboundPath final : public InboundPath {
 public:
  StripedInboundPath(InboundBoard& board, const StripeOptions& options)
      : board_(board), options_(options) {}

  Result<std::unique_ptr<ControlChannel>> accept_control() override;
  Result<std::unique_ptr<BulkReceiver>> accept_bulk(uint32_t worker,
                                                    PutSink& sink) override;

 private:
  InboundBoard& board_;
  StripeOptions options_;
};

}  // namespace causeway
