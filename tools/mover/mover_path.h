// The path that a mover's spec asks for: the one place of the mover that names
// kinds of paths.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "dpdk-wan/lanes/inbound_lanes.h"
#include "dpdk-wan/lanes/outbound_lanes.h"
#include "dpdk-wan/wan_listener.h"
#include "engine/migration/image.h"
#include "engine/path/path.h"
#include "engine/path/tcp/tcp_listener.h"
#include "rdma/probe/rdma_probe.h"
#include "rdma/rdma_connector.h"
#include "rdma/rdma_path_listener.h"
#include "rdma/rdma_tally.h"
#include "tools/mover/mover_spec.h"
#include "tools/mover/mover_workers.h"

namespace causeway {

struct MoverPath {
  std::unique_ptr<OutboundPath> path;
  const OutboundLanes* lanes = nullptr;  // of a striped path: the same
  const RdmaTally* tally = nullptr;      // of an rdma path: its own
  std::vector<RdmaRoute> rdma_routes{};  // ... by worker
  std::string why_not_rdma{};            // of a tcp path that was to be one
};

// What of the mover a path may reach behind the processor's back, or must know;
// outlives the path. A probe has no guest.
struct PathGround {
  GuestImage* image = nullptr;
  MoverWorkers* workers = nullptr;  // with the senders' scratch
  uint64_t bytes = 0;               // memory and disks, or what a probe sends
};

// The source's end.
Result<MoverPath> connect_path(const MoverSpec& spec, const PathGround& ground);

// The source's end of a probe of the rdma path.
Result<std::unique_ptr<RdmaProbeSource>> connect_rdma_probe(
    const MoverSpec& spec);

// The target's end, until the source has come.
class MoverListener {
 public:
  static Result<MoverListener> listen(const MoverSpec& spec);
  std::string address() const;
  // Of a striped path: where each lane listens.
  std::vector<std::string> lane_addresses() const;
  Result<std::unique_ptr<InboundPath>> accept(const MoverSpec& spec,
                                              const PathGround& ground,
                                              Duration timeout);
  // The same for a probe of the rdma path.
  Result<std::unique_ptr<Stepper>> accept_rdma_probe(const MoverSpec& spec,
                                                     Duration timeout);

 private:
  std::optional<TcpListener> tcp_;
  std::optional<WanListener> wan_;
  std::optional<LanesListener> lanes_;
  std::optional<RdmaPathListener> rdma_;
};

}  // namespace causeway
