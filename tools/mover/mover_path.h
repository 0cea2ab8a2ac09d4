// The path that a mover's spec asks for: the one place of the mover that names
// kinds of paths.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "dpdk-wan/lanes/inbound_lanes.h"
#include "dpdk-wan/lanes/outbound_lanes.h"
#include "dpdk-wan/wan_listener.h"
#include "engine/path/path.h"
#include "engine/path/tcp/tcp_listener.h"
#include "tools/mover/mover_spec.h"

namespace causeway {

struct MoverPath {
  std::unique_ptr<OutboundPath> path;
  const OutboundLanes* lanes = nullptr;  // of a striped path: the same
};

// The source's end. `guest_bytes`: memory and disks, which may all go over one
// stream.
Result<MoverPath> connect_path(const MoverSpec& spec, uint64_t guest_bytes);

// The target's end, until the source has come.
class MoverListener {
 public:
  static Result<MoverListener> listen(const MoverSpec& spec);
  std::string address() const;
  // Of a striped path: where each lane listens.
  std::vector<std::string> lane_addresses() const;
  Result<std::unique_ptr<InboundPath>> accept(const MoverSpec& spec,
                                              Duration timeout);

 private:
  std::optional<TcpListener> tcp_;
  std::optional<WanListener> wan_;
  std::optional<LanesListener> lanes_;
};

}  // namespace causeway
