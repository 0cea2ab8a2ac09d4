// InboundLanes: the target's end of a striped wan path: an endpoint a lane. A
// thread a lane accepts the source's connection there, posts it to the board,
// waits for its end, and listens again at the same address.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dpdk-wan/lanes/lane_ends.h"
#include "dpdk-wan/lanes/lane_watch.h"
#include "dpdk-wan/wan_listener.h"
#include "engine/path/stripe/striped_path.h"

namespace causeway {

// The endpoints, until the source has come.
class LanesListener {
 public:
  // 1 to kStripeLanesMax lanes.
  static Result<LanesListener> listen(std::vector<LaneEnds> lanes);

  // Where each lane really listens.
  std::vector<std::string> addresses() const;

  // Waits until the source has opened a lane, and a moment for the others;
  // once. Errors as WanListener::accept().
  Result<std::unique_ptr<InboundPath>> accept(const PathToken& token,
                                              const WanOptions& options);

 private:
  std::vector<LaneEnds> lanes_;
  std::vector<WanListener> listeners_;  // one a lane
};

}  // namespace causeway
