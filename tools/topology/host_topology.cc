#include "tools/topology/host_topology.h"

#include <algorithm>

#include "rdma/devices/device_list.h"
#include "rdma/limits.h"

namespace causeway {
namespace {

// Guest memory, and what each worker has for what cannot be written in place
// and for messages both ways.
uint64_t rdma_pin_bytes(uint32_t workers,
                        const std::optional<GuestPlacement>& guest) {
  const uint64_t guest_bytes =
      guest ? std::min(guest->memory_bytes, kRdmaPinnedBytesDefault)
            : kRdmaPinnedBytesDefault;
  return guest_bytes +
         workers * (kRdmaStagingBytes +
                    2 * uint64_t{kRdmaMessagesMax} * kRdmaMessageBytes);
}

}  // namespace

Result<HostTopology> read_host_topology(uint32_t streams,
                                        std::optional<GuestPlacement> guest) {
  constexpr const char* kSysfs = "/sys";
  CAUSEWAY_ASSIGN(const Topology topology, Topology::of_this_host());
  CAUSEWAY_ASSIGN(const auto addresses, interface_addresses());
  HostTopology host;
  host.nodes.assign(topology.nodes().begin(), topology.nodes().end());
  host.memory = read_node_memory(kSysfs);
  host.interfaces = network_interfaces(kSysfs, addresses);
  host.packet_devices = packet_devices(kSysfs);
  host.verbs = list_verbs_devices(host.interfaces);
  CAUSEWAY_ASSIGN(host.pin_limit, read_pin_limit());
  host.streams = streams;
  host.guest = std::move(guest);
  host.pin_need_bytes = rdma_pin_bytes(streams, host.guest);
  const auto plan = [&](std::optional<unsigned> node) {
    host.plans.push_back(plan_pins(topology, streams, node, host.verbs));
  };
  if (host.guest) {
    plan(host.guest->node());
    return host;
  }
  plan(std::nullopt);
  for (const NumaNode& node : host.nodes) plan(node.os_index);
  return host;
}

}  // namespace causeway
