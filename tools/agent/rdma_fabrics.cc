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
  std::string all;
  for (const RdmaFabric& fabric : fabrics) {
    all += (all.empty() ? "" : ", ") + fabric.name;
  }
  return all.empty() ? "none" : all;
}

Result<const RdmaFabric*> choose_fabric(const RdmaEnds& ends,
                                        const FabricNames& theirs,
                                        bool required) {
  std::string names;
  for (const std::string& name : theirs) {
    if (const RdmaFabric* fabric = ends.find(name)) return fabric;
    names += (names.empty() ? "" : ", ") + name;
  }
  if (!required) return static_cast<const RdmaFabric*>(nullptr);
  return make_error(ErrorCode::kInvalidArgument,
                    "no RDMA fabric is trusted by both hosts (the source's: "
                    "{}; the target's: {}); start both agents with "
                    "--rdma-fabric NAME=ADDRESS, or take --path tcp",
                    names.empty() ? "none" : names, ends.names());
}

void add_rdma(nlohmann::json* spec, const RdmaEnds& ends,
              const RdmaFabric& fabric, bool required) {
  (*spec)["path"] = "rdma";
  (*spec)["rdma"] = {{"device_address", fabric.device_address},
                     {"fabric", fabric.name},
                     {"pinned_bytes_max", ends.pinned_bytes_max},
                     {"required", required ? 1u : 0u}};
}

}  // namespace causeway
