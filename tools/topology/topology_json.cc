#include "tools/topology/topology_json.h"

namespace causeway {
namespace {

using nlohmann::json;

template <typename T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json();
}

json or_null(uint64_t value) { return value > 0 ? json(value) : json(); }

json to_json(const NumaNode& node, const HostTopology& host) {
  json huge = json::array();
  json free;
  if (const auto found = host.memory.find(node.os_index);
      found != host.memory.end()) {
    free = or_null(found->second.free_bytes);
    for (const HugePages& pages : found->second.huge_pages) {
      huge.push_back({{"page_bytes", pages.page_bytes},
                      {"pages", pages.pages},
                      {"free", pages.free}});
    }
  }
  return {{"node", node.os_index},
          {"memory_bytes", node.memory_bytes},
          {"free_bytes", free},
          {"huge_pages", huge},
          {"cores", node.cores}};
}

json to_json(const Gid& gid) {
  return {{"index", gid.index},
          {"gid", gid.gid},
          {"type", gid.type},
          {"interface", gid.interface},
          {"address", gid.address}};
}

json to_json(const VerbsPort& port) {
  json gids = json::array();
  for (const Gid& gid : port.gids) gids.push_back(to_json(gid));
  return {{"port", port.number},
          {"state", port.state},
          {"link_layer", port.link_layer},
          {"rate", port.rate},
          {"rate_bits_s", or_null(port.rate_bits_s)},
          {"mtu_bytes", or_null(port.mtu_bytes)},
          {"lid", port.lid},
          {"gids", gids},
          {"interfaces", port.interfaces},
          {"addresses", port.addresses}};
}

json to_json(const VerbsCapacity& capacity) {
  return {{"queue_pairs", capacity.queue_pairs},
          {"queue_pair_requests", capacity.queue_pair_requests},
          {"request_pieces", capacity.request_pieces},
          {"completions", capacity.completions},
          {"registrations", capacity.registrations},
          {"registration_bytes", capacity.registration_bytes},
          {"reads_under_way", capacity.reads_under_way},
          {"on_demand_paging", capacity.on_demand_paging}};
}

json to_json(const VerbsDevice& device) {
  json ports = json::array();
  for (const VerbsPort& port : device.ports) ports.push_back(to_json(port));
  json object = {{"device", device.name},
                 {"driver", device.driver},
                 {"vendor", device.vendor},
                 {"pci_address", device.pci_address},
                 {"firmware", device.firmware},
                 {"uverbs", device.uverbs},
                 {"node_guid", device.node_guid},
                 {"iwarp", device.is_iwarp},
                 {"node", or_null(device.node)},
                 {"ports", ports},
                 {"capacity", nullptr}};
  if (device.capacity) object["capacity"] = to_json(*device.capacity);
  if (!device.trouble.empty()) object["trouble"] = device.trouble;
  return object;
}

json to_json(const NetworkInterface& interface) {
  return {{"interface", interface.name},
          {"state", interface.state},
          {"mac", interface.mac},
          {"driver", interface.driver},
          {"pci_address", interface.pci_address},
          {"mtu_bytes", interface.mtu_bytes},
          {"rate_bits_s", or_null(interface.rate_bits_s)},
          {"node", or_null(interface.node)},
          {"addresses", interface.addresses},
          {"wan_device", packet_device_of(interface)}};
}

json to_json(const PacketDevice& device) {
  return {{"wan_device", device.pci_address},
          {"driver", device.driver},
          {"vendor", device.vendor},
          {"device", device.device},
          {"node", or_null(device.node)}};
}

json to_json(const GuestPlacement& guest) {
  json nodes = json::array();
  for (const auto& [node, bytes] : guest.bytes_by_node) {
    nodes.push_back({{"node", node}, {"bytes", bytes}});
  }
  return {{"name", guest.name},
          {"pid", guest.pid},
          {"memory_bytes", guest.memory_bytes},
          {"node", or_null(guest.node())},
          {"nodes", nodes}};
}

json to_json(const PinPlan& plan) {
  json queues = json::array();
  for (const QueuePlan& queue : plan.queues) {
    queues.push_back({{"device", queue.device},
                      {"node", queue.node},
                      {"device_node", or_null(queue.device_node)},
                      {"remote", queue.is_remote()}});
  }
  return {{"guest_node", or_null(plan.guest_node)},
          {"node", plan.workers.node},
          {"workers", plan.workers.pus},
          {"own_cores", plan.own_cores},
          {"session", plan.session_pus},
          {"buffers",
           {{"node", plan.workers.node},
            {"source_bytes", plan.source_scratch_bytes},
            {"target_bytes", plan.target_scratch_bytes}}},
          {"queues", queues}};
}

template <typename T>
json list_to_json(const std::vector<T>& list) {
  json array = json::array();
  for (const T& entry : list) array.push_back(to_json(entry));
  return array;
}

}  // namespace

json topology_to_json(const HostTopology& host) {
  json nodes = json::array();
  for (const NumaNode& node : host.nodes) nodes.push_back(to_json(node, host));
  json object = {
      {"nodes", nodes},
      {"pin",
       {{"limit_bytes", or_null(host.pin_limit.bytes())},
        {"soft_bytes", or_null(host.pin_limit.soft_bytes)},
        {"hard_bytes", or_null(host.pin_limit.hard_bytes)},
        {"exempt", host.pin_limit.exempt},
        {"need_bytes", host.pin_need_bytes},
        {"advice", pin_advice(host.pin_limit, host.pin_need_bytes)}}},
      {"verbs", list_to_json(host.verbs)},
      {"interfaces", list_to_json(host.interfaces)},
      {"packet_devices", list_to_json(host.packet_devices)},
      {"streams", host.streams},
      {"plans", list_to_json(host.plans)}};
  if (host.guest) object["guest"] = to_json(*host.guest);
  return object;
}

}  // namespace causeway
