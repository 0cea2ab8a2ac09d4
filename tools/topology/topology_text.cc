#include "tools/topology/topology_text.h"

#include <fmt/format.h>

#include "engine/base/units.h"

namespace causeway {
namespace {

std::string node_text(const std::optional<unsigned>& node) {
  return node ? fmt::format("node {}", *node) : "no node";
}

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

std::string rate_text(uint64_t bits_s) {
  if (bits_s == 0) return "-";
  return fmt::format("{:g} Gbit/s", static_cast<double>(bits_s) / 1e9);
}

std::string memory_text(const NodeMemory& memory) {
  std::string text;
  if (memory.free_bytes > 0) {
    text += fmt::format(", {} free", format_bytes(memory.free_bytes));
  }
  for (const HugePages& pages : memory.huge_pages) {
    text +=
        fmt::format("; {} pages: {} of {} free", format_bytes(pages.page_bytes),
                    pages.free, pages.pages);
  }
  return text;
}

std::string nodes_text(const HostTopology& host) {
  std::string text;
  for (const NumaNode& node : host.nodes) {
    text += fmt::format("node {}: {} cores ({})  memory {}", node.os_index,
                        node.cores.size(), pu_set_text(node.all_pus()),
                        format_bytes(node.memory_bytes));
    if (const auto found = host.memory.find(node.os_index);
        found != host.memory.end()) {
      text += memory_text(found->second);
    }
    text += "\n";
  }
  return text;
}

std::string pin_text(const HostTopology& host) {
  const PinLimit& limit = host.pin_limit;
  const std::string advice = pin_advice(limit, host.pin_need_bytes);
  std::string text =
      "\nmay be pinned by a mover that starts with this "
      "command's rights: ";
  text += limit.bytes() ? format_bytes(*limit.bytes()) : "all";
  if (limit.exempt) {
    text += " (CAP_IPC_LOCK; ";
    text += limit.soft_bytes
                ? "RLIMIT_MEMLOCK would be " + format_bytes(*limit.soft_bytes)
                : "RLIMIT_MEMLOCK is not set";
    text += ")";
  } else {
    text += " (RLIMIT_MEMLOCK)";
  }
  return text + "\n" + (advice.empty() ? "" : "  " + advice + "\n");
}

std::string capacity_text(const VerbsCapacity& capacity) {
  return fmt::format(
      "  a queue pair takes {} requests of {} pieces, a queue {} completions;\n"
      "  {} registrations of {} at most; on-demand paging: {}\n",
      capacity.queue_pair_requests, capacity.request_pieces,
      capacity.completions, capacity.registrations,
      capacity.registration_bytes == UINT64_MAX
          ? "any size"
          : format_bytes(capacity.registration_bytes),
      capacity.on_demand_paging ? "yes" : "no");
}

std::string port_text(const VerbsPort& port) {
  std::string text =
      fmt::format("  port {}: {}, {}, {}, MTU {}", port.number, port.state,
                  port.link_layer, rate_text(port.rate_bits_s),
                  port.mtu_bytes > 0 ? std::to_string(port.mtu_bytes) : "-");
  if (port.lid != 0) text += fmt::format(", LID {}", port.lid);
  text +=
      fmt::format(", {} GIDs; {} {}\n", port.gids.size(),
                  or_dash(fmt::format("{}", fmt::join(port.interfaces, " "))),
                  fmt::join(port.addresses, " "));
  return text;
}

std::string verbs_text(const HostTopology& host) {
  if (host.verbs.empty()) {
    return "\nverbs devices: none (a path of RDMA needs one at both ends)\n";
  }
  std::string text = "\nverbs devices\n";
  for (const VerbsDevice& device : host.verbs) {
    text += fmt::format("{}: {}, {}{}{}, GUID {}\n", device.name, device.driver,
                        node_text(device.node),
                        device.pci_address.empty() ? "" : ", PCI ",
                        device.pci_address, or_dash(device.node_guid));
    for (const VerbsPort& port : device.ports) text += port_text(port);
    if (device.capacity) text += capacity_text(*device.capacity);
    if (!device.trouble.empty()) text += "  " + device.trouble + "\n";
  }
  return text;
}

std::string interfaces_text(const HostTopology& host) {
  std::string text = "\nnetwork interfaces\n";
  for (const NetworkInterface& interface : host.interfaces) {
    text += fmt::format(
        "{:<15} {:<8} MTU {:<6} {:<8} {:<12} {}\n", interface.name,
        interface.state, interface.mtu_bytes, node_text(interface.node),
        rate_text(interface.rate_bits_s), fmt::join(interface.addresses, " "));
    const std::string device = packet_device_of(interface);
    if (!device.empty()) text += "  --wan-device " + device + "\n";
  }
  for (const PacketDevice& device : host.packet_devices) {
    text +=
        fmt::format("{} ({}), {}\n  --wan-device {}\n", device.pci_address,
                    device.driver, node_text(device.node), device.pci_address);
  }
  return text;
}

std::string whose(const PinPlan& plan, const HostTopology& host) {
  if (host.guest) {
    if (!plan.guest_node) {
      return fmt::format("guest {}, which has no memory yet", host.guest->name);
    }
    return fmt::format(
        "guest {}, {} of its memory on node {}", host.guest->name,
        format_bytes(host.guest->bytes_by_node.at(*plan.guest_node)),
        *plan.guest_node);
  }
  if (!plan.guest_node) return "a guest that comes";
  return fmt::format("a guest with its memory on node {}", *plan.guest_node);
}

std::string plan_text(const PinPlan& plan, const HostTopology& host) {
  std::string text = whose(plan, host) + "\n";
  const size_t workers = plan.workers.pus.size();
  if (plan.own_cores) {
    for (size_t i = 0; i < workers; ++i) {
      text += fmt::format("  worker {} on node {}, processors {}\n", i,
                          plan.workers.node, pu_set_text(plan.workers.pus[i]));
    }
  } else {
    text += fmt::format("  {} workers share node {}, processors {}\n", workers,
                        plan.workers.node, pu_set_text(plan.session_pus));
  }
  text += fmt::format(
      "  session and path on processors {}; buffers on node {}: {} a worker "
      "at the source, {} at the target\n",
      pu_set_text(plan.session_pus), plan.workers.node,
      format_bytes(plan.source_scratch_bytes),
      format_bytes(plan.target_scratch_bytes));
  for (const QueuePlan& queue : plan.queues) {
    text += fmt::format("  queues of {} on node {}", queue.device, queue.node);
    if (queue.is_remote()) {
      text +=
          fmt::format(": another than the device's, {}", *queue.device_node);
    }
    text += "\n";
  }
  return text;
}

}  // namespace

std::string pu_set_text(const PuSet& pus) {
  std::string text;
  for (size_t i = 0; i < pus.size();) {
    size_t last = i;
    while (last + 1 < pus.size() && pus[last + 1] == pus[last] + 1) ++last;
    if (!text.empty()) text += ",";
    text += std::to_string(pus[i]);
    if (last > i) text += "-" + std::to_string(pus[last]);
    i = last + 1;
  }
  return text;
}

std::string topology_text(const HostTopology& host) {
  std::string text = nodes_text(host) + pin_text(host) + verbs_text(host) +
                     interfaces_text(host);
  text += fmt::format("\nwhat a mover of {} stream{} would pin\n", host.streams,
                      host.streams == 1 ? "" : "s");
  for (const PinPlan& plan : host.plans) text += plan_text(plan, host);
  return text;
}

}  // namespace causeway
