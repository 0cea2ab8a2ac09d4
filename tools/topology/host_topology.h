// HostTopology: all that `causeway topology` says of this host.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "engine/base/result.h"
#include "engine/runtime/network_interface.h"
#include "engine/runtime/topology.h"
#include "rdma/devices/verbs_device.h"
#include "tools/topology/guest_placement.h"
#include "tools/topology/node_memory.h"
#include "tools/topology/packet_device.h"
#include "tools/topology/pin_limit.h"
#include "tools/topology/pin_plan.h"

namespace causeway {

struct HostTopology {
  std::vector<NumaNode> nodes;
  std::map<unsigned, NodeMemory> memory;  // by node
  PinLimit pin_limit;
  uint64_t pin_need_bytes = 0;  // of one mover over RDMA, at most
  std::vector<VerbsDevice> verbs;
  std::vector<NetworkInterface> interfaces;
  std::vector<PacketDevice> packet_devices;
  std::optional<GuestPlacement> guest;
  uint32_t streams = 0;
  // Of the guest; without one, of a guest that comes and then of one on each
  // node.
  std::vector<PinPlan> plans;
};

// Opens the verbs devices; changes nothing. `guest`: on this host.
Result<HostTopology> read_host_topology(uint32_t streams,
                                        std::optional<GuestPlacement> guest);

}  // namespace causeway
