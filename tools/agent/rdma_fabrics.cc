#include "tools/agent/rdma_fabrics.h"

#include <algorithm>

#include "dpdk-wan/port/ip_address.h"
#include "engine/base/host_port.h"
#include "engine/base/limits.h"

namespace causeway {

Result<RdmaFabric> parse_rdma_fabric(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0 ||
      equals > kNameBytesMax) {
    return make_error(ErrorCode::kInvalidArgument,
                      "\"{}\" is no fabric: NAME=ADDRESS, with the address of "
                      "this host's verbs device on it",
                      text);
  }
  const std::string address(text.substr(equals + 1));
  const auto parsed = parse_ip_address(address);
  if (!parsed) {
    return make_error(ErrorCode::kInvalidArgument, "fabric {}: {}",
                      text.substr(0, equals), parsed.error().message);
  }
  return RdmaFabric{std::string(text.substr(0, equals)),
                    HostPort{address, 0}.text()};
}

const RdmaFabric* RdmaEnds::find(std::string_view name) const {
  const auto found =
      std::find_if(fabrics.begin(), fabrics.end(),
                   [&](const auto& fabric) { return fabric.name == name; });
  return found == fabrics.end() ? nullptr : &*found;
}

std::string RdmaEnds::names() const {
  return fabrics.empty() ? "none" : fabric_names(fabrics);
}

std::string fabric_names(const std::vector<RdmaFabric>& fabrics) {
  std::string all;
  for (const RdmaFabric& fabric : fabrics) {
    all += (all.empty() ? "" : ", ") + fabric.name;
  }
  return all;
}

Result<std::vector<RdmaFabric>> choose_fabrics(const RdmaEnds& ends,
                                               const FabricNames& theirs,
                                               bool required) {
  std::vector<RdmaFabric> chosen;
  std::string names;
  for (const std::string& name : theirs) {
    const RdmaFabric* const fabric = ends.find(name);
    if (fabric != nullptr && chosen.size() < kRdmaPortsMax) {
      chosen.push_back(*fabric);
    }
    names += (names.empty() ? "" : ", ") + name;
  }
  if (!chosen.empty() || !required) return chosen;
  return make_error(ErrorCode::kInvalidArgument,
                    "no RDMA fabric is trusted by both hosts (the source's: "
                    "{}; the target's: {}); start both agents with "
                    "--rdma-fabric NAME=ADDRESS, or take --path tcp",
                    names.empty() ? "none" : names, ends.names());
}

Result<std::vector<RdmaFabric>> take_fabrics(const RdmaEnds& ends,
                                             const FabricNames& chosen) {
  std::vector<RdmaFabric> taken;
  for (const std::string& name : chosen) {
    const RdmaFabric* const fabric = ends.find(name);
    if (fabric == nullptr || taken.size() == kRdmaPortsMax) {
      return make_error(ErrorCode::kPeerBroken,
                        "the target wants to meet on {} RDMA fabrics, among "
                        "them \"{}\"; this host lists {}",
                        chosen.size(), name, ends.names());
    }
    taken.push_back(*fabric);
  }
  return taken;
}

void add_rdma(nlohmann::json* spec, const RdmaEnds& ends,
              const std::vector<RdmaFabric>& fabrics, bool required) {
  nlohmann::json devices = nlohmann::json::array();
  for (const RdmaFabric& fabric : fabrics) {
    devices.push_back(
        {{"fabric", fabric.name}, {"device_address", fabric.device_address}});
  }
  (*spec)["path"] = "rdma";
  (*spec)["rdma"] = {{"devices", std::move(devices)},
                     {"pinned_bytes_max", ends.pinned_bytes_max},
                     {"required", required ? 1u : 0u}};
}

}  // namespace causeway
