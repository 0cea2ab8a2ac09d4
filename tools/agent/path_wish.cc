#include "tools/agent/path_wish.h"

#include <algorithm>

#include "dpdk-wan/quic/congestion.h"
#include "dpdk-wan/quic/limits.h"

namespace causeway {
namespace {

nlohmann::json to_json(const PortOptions& port) {
  return {{"device", port.device},
          {"address", port.address},
          {"gateway", port.gateway},
          {"mtu_bytes", port.mtu_bytes}};
}

}  // namespace

Status check_path_wish(const control::PathWish& wish, bool encrypted) {
  const std::string& kind = wish.kind();
  if (!kind.empty() && kind != "auto" && kind != "tcp" && kind != "wan" &&
      kind != "rdma") {
    return make_error(ErrorCode::kInvalidArgument,
                      "\"{}\" is no path; there are auto, rdma, tcp and wan",
                      kind);
  }
  if (kind == "wan" && !encrypted) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the wan path is never in the clear, and this agent has "
                      "no certificate; start the agents without --clear, or "
                      "take --path tcp");
  }
  const std::string& congestion = wish.congestion();
  if (!congestion.empty() && congestion != "auto" &&
      !congestion_from_name(congestion)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "\"{}\" is no congestion control; there are auto, "
                      "bbr2, bbr and cubic",
                      congestion);
  }
  if (!wish.fec().empty() && wish.fec() != "auto" && wish.fec() != "off") {
    return make_error(ErrorCode::kInvalidArgument,
                      "\"{}\" is no error correction; there are auto and off",
                      wish.fec());
  }
  const uint32_t bytes = wish.datagram_bytes();
  if (bytes != 0 &&
      (bytes < kQuicPayloadBytesMin || bytes > kQuicPayloadBytesMax)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "datagrams of {} bytes are not possible; take {} to {}",
                      bytes, kQuicPayloadBytesMin, kQuicPayloadBytesMax);
  }
  return {};
}

void add_path(nlohmann::json* spec, const control::PathWish& wish,
              const std::optional<PortOptions>& port) {
  (*spec)["path"] = wish.kind().empty() ? "tcp" : wish.kind();
  if (wish.kind() != "wan") return;
  if (!wish.congestion().empty()) (*spec)["congestion"] = wish.congestion();
  if (!wish.fec().empty()) (*spec)["fec"] = wish.fec();
  (*spec)["datagram_bytes"] = wish.datagram_bytes();
  if (!port) return;
  (*spec)["port"] = to_json(*port);
}

void add_lanes(nlohmann::json* spec, const WanEnds& ends, uint32_t lanes,
               const std::string& otherwise,
               const std::vector<std::string>& peers) {
  const auto ports = static_cast<uint32_t>(ends.ports.size());
  if (ports == 1) return;
  if (ports > 1) lanes = std::min(lanes, ports);
  nlohmann::json members = nlohmann::json::array();
  for (uint32_t i = 0; i < lanes; ++i) {
    nlohmann::json lane;
    if (ports > 1) {
      lane["port"] = to_json(ends.ports[i]);
    } else {
      lane["local"] =
          ends.via.empty() ? otherwise : ends.via[i % ends.via.size()];
    }
    if (!peers.empty()) lane["peer"] = peers[i];
    members.push_back(std::move(lane));
  }
  if (members.empty()) return;
  spec->erase("port");
  (*spec)["lanes"] = std::move(members);
}

}  // namespace causeway
