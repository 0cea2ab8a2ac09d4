// OutboundLanes: the source's end of a striped wan path: one QUIC connection a
// lane, each from its own address of this host. A thread a lane connects it,
// posts it to the board, waits for its end, and tries it again with growing
// pauses; the path is lost when there has been no lane for too long.
//
//   thread of lane i    connect ─► post ─► await end ─► withdraw ─► let go
//                          ▲ pause ───────────────────────────────────┘
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dpdk-wan/lanes/lane_ends.h"
#include "dpdk-wan/lanes/lane_watch.h"
#include "dpdk-wan/wan_connector.h"
#include "engine/path/stripe/striped_path.h"

namespace causeway {

class OutboundLanes final : public OutboundPath {
 public:
  // 1 to kStripeLanesMax lanes. Waits until one is up (Errors as
  // WanConnector::connect()) and a moment for the others. The path outlives
  // its channels.
  static Result<std::unique_ptr<OutboundLanes>> connect(
      std::vector<LaneEnds> lanes, const PathToken& token,
      const WanOptions& options);
  ~OutboundLanes() override;

  std::string name() const override { return path_.name(); }
  Result<std::unique_ptr<ControlChannel>> open_control() override {
    return path_.open_control();
  }
  Result<std::unique_ptr<BulkChannel>> open_bulk(uint32_t worker) override {
    return path_.open_bulk(worker);
  }
  PathStats stats() const override { return path_.stats(); }

  std::vector<LaneReport> report() const;

 private:
  OutboundLanes(std::vector<LaneEnds> lanes, const PathToken& token,
                const WanOptions& options);
  void run(uint32_t lane);
  Result<WanConnector::Lane> connect(uint32_t lane, const WanOptions& options);
  void serve(uint32_t lane, WanConnector::Lane connected);

  std::vector<LaneEnds> lanes_;
  PathToken token_;
  WanOptions options_;
  LaneWatch watch_;
  OutboundBoard board_;
  StripedOutboundPath path_;
  std::vector<std::thread> threads_;
};

}  // namespace causeway
