#include "tools/mover/mover_spec.h"
#include "rdma/limits.h"

#include <nlohmann/json.hpp>

#include "dpdk-wan/quic/limits.h"
#include "engine/base/limits.h"
#include "engine/path/stripe/limits.h"

namespace causeway {
namespace {

using nlohmann::json;

// A month: longer is a mistake in the unit.
constexpr uint64_t kTimeLimitUsMax = 31ull * 24 * 3600 * 1'000'000;

// Ten minutes: the agents allow less.
constexpr uint64_t kProbeTimeUsMax = 600ull * 1'000'000;

Error bad(const char* member, const std::string& expected) {
  return make_error(ErrorCode::kInvalidArgument,
                    "the mover's spec: \"{}\" must be {}", member, expected);
}

Result<std::string> text(const json& spec, const char* member) {
  const auto found = spec.find(member);
  if (found == spec.end() || !found->is_string()) return bad(member, "a text");
  return found->get<std::string>();
}

Result<uint64_t> number(const json& spec, const char* member, uint64_t least,
                        uint64_t most) {
  const auto found = spec.find(member);
  const std::string expected = fmt::format("{} to {}", least, most);
  if (found == spec.end() || !found->is_number_unsigned()) {
    return bad(member, expected);
  }
  const auto value = found->get<uint64_t>();
  if (value < least || value > most) return bad(member, expected);
  return value;
}

// 0 when it is not there.
Result<uint64_t> optional_number(const json& spec, const char* member,
                                 uint64_t most) {
  if (!spec.contains(member)) return uint64_t{0};
  return number(spec, member, 0, most);
}

Result<PathToken> token(const json& spec) {
  CAUSEWAY_ASSIGN(const std::string hex, text(spec, "token"));
  PathToken token{};
  if (hex.size() != 2 * token.size() ||
      hex.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return bad("token", "32 hexadecimal digits");
  }
  for (size_t i = 0; i < token.size(); ++i) {
    token[i] =
        static_cast<std::byte>(std::stoul(hex.substr(2 * i, 2), nullptr, 16));
  }
  return token;
}

// An object, or nothing; what is half there is refused, lest a mover speak in
// the clear by mistake.
Result<std::optional<TlsOptions>> tls(const json& spec) {
  const auto found = spec.find("tls");
  if (found == spec.end()) return std::optional<TlsOptions>();
  if (!found->is_object()) return bad("tls", "an object");
  TlsOptions options;
  CAUSEWAY_ASSIGN(options.files.ca, text(*found, "ca"));
  CAUSEWAY_ASSIGN(options.files.certificate, text(*found, "certificate"));
  CAUSEWAY_ASSIGN(options.files.key, text(*found, "key"));
  CAUSEWAY_ASSIGN(options.peer_name, text(*found, "peer"));
  if (options.peer_name.empty()) return bad("peer", "a host's name");
  return std::optional<TlsOptions>(std::move(options));
}

Result<std::optional<PortOptions>> port(const json& spec) {
  const auto found = spec.find("port");
  if (found == spec.end()) return std::optional<PortOptions>();
  if (!found->is_object()) return bad("port", "an object");
  PortOptions options;
  CAUSEWAY_ASSIGN(options.device, text(*found, "device"));
  CAUSEWAY_ASSIGN(options.address, text(*found, "address"));
  CAUSEWAY_ASSIGN(options.gateway, text(*found, "gateway"));
  CAUSEWAY_ASSIGN(const uint64_t mtu, number(*found, "mtu_bytes", 1280, 9216));
  options.mtu_bytes = static_cast<uint32_t>(mtu);
  return std::optional<PortOptions>(std::move(options));
}

// [{"local": "ADDRESS:PORT", "peer": "ADDRESS:PORT"}, ...], or "port" instead
// of "local"; `peer` is the source's to know.
Result<std::vector<MoverLane>> lanes(const json& spec, bool source) {
  std::vector<MoverLane> lanes;
  const auto found = spec.find("lanes");
  if (found == spec.end()) return lanes;
  if (!found->is_array() || found->empty() || found->size() > kStripeLanesMax) {
    return bad("lanes", fmt::format("1 to {} objects", kStripeLanesMax));
  }
  for (const json& each : *found) {
    if (!each.is_object()) return bad("lanes", "a list of objects");
    MoverLane lane;
    CAUSEWAY_ASSIGN(lane.port, port(each));
    if (!lane.port) {
      CAUSEWAY_ASSIGN(lane.local, text(each, "local"));
    }
    if (source) {
      CAUSEWAY_ASSIGN(lane.peer, text(each, "peer"));
    }
    lanes.push_back(std::move(lane));
  }
  return lanes;
}

Result<MoverRdma> rdma(const json& spec) {
  const auto found = spec.find("rdma");
  if (found == spec.end() || !found->is_object()) {
    return bad("rdma", "an object");
  }
  MoverRdma rdma;
  const auto devices = found->find("devices");
  if (devices == found->end() || !devices->is_array() || devices->empty() ||
      devices->size() > kRdmaPortsMax) {
    return bad("devices", fmt::format("1 to {} objects", kRdmaPortsMax));
  }
  for (const json& each : *devices) {
    if (!each.is_object()) return bad("devices", "a list of objects");
    MoverRdma::Device& device = rdma.devices.emplace_back();
    CAUSEWAY_ASSIGN(device.fabric, text(each, "fabric"));
    CAUSEWAY_ASSIGN(device.address, text(each, "device_address"));
  }
  CAUSEWAY_ASSIGN(
      rdma.pinned_bytes_max,
      number(*found, "pinned_bytes_max", kRdmaPinnedBytesMin, 1ull << 50));
  CAUSEWAY_ASSIGN(const uint64_t required, number(*found, "required", 0, 1));
  rdma.required = required == 1;
  return rdma;
}

// What kind of path, and what only the wan path has; TLS is parsed before.
Status parse_path(const json& members, bool source, MoverSpec& spec) {
  if (!members.contains("path")) return {};
  CAUSEWAY_ASSIGN(const std::string path, text(members, "path"));
  if (path == "tcp") return {};
  if (path == "rdma") {
    spec.path = PathKind::kRdma;
    CAUSEWAY_ASSIGN(spec.rdma, rdma(members));
    return {};
  }
  if (path != "wan") return bad("path", "rdma, tcp or wan");
  spec.path = PathKind::kWan;
  if (!spec.tls) return bad("tls", "there: QUIC is never in the clear");
  CAUSEWAY_ASSIGN(
      const uint64_t bytes,
      optional_number(members, "datagram_bytes", kQuicPayloadBytesMax));
  if (bytes != 0 && bytes < kQuicPayloadBytesMin) {
    return bad("datagram_bytes", fmt::format("{} to {}", kQuicPayloadBytesMin,
                                             kQuicPayloadBytesMax));
  }
  spec.datagram_bytes = static_cast<uint32_t>(bytes);
  CAUSEWAY_ASSIGN(spec.port, port(members));
  if (members.contains("fec")) {
    CAUSEWAY_ASSIGN(const std::string fec, text(members, "fec"));
    if (fec != "auto" && fec != "off") return bad("fec", "auto or off");
    spec.fec = fec == "auto";
  }
  CAUSEWAY_ASSIGN(spec.lanes, lanes(members, source));
  if (spec.port && !spec.lanes.empty()) {
    return bad("lanes", "without \"port\": each lane says its own");
  }
  if (!members.contains("congestion")) return {};
  CAUSEWAY_ASSIGN(const std::string name, text(members, "congestion"));
  const auto congestion = congestion_from_name(name);
  if (!congestion) return bad("congestion", "bbr2, bbr or cubic");
  spec.congestion = *congestion;
  return {};
}

Status parse_source(const json& members, MoverSpec& spec) {
  CAUSEWAY_ASSIGN(spec.peer, text(members, "peer"));
  CAUSEWAY_ASSIGN(spec.bandwidth_bytes_s,
                  number(members, "bandwidth_bytes_s", 0, 1ull << 50));
  if (members.contains("codec")) {
    CAUSEWAY_ASSIGN(const std::string codec, text(members, "codec"));
    CAUSEWAY_ASSIGN(spec.codec, parse_codec(codec));
  }
  if (members.contains("dedup")) {
    CAUSEWAY_ASSIGN(const std::string dedup, text(members, "dedup"));
    const auto mode = dedup_mode_from_name(dedup);
    if (!mode) return bad("dedup", "auto, on or off");
    spec.dedup = *mode;
  }
  CAUSEWAY_ASSIGN(const uint64_t blackout_us,
                  number(members, "max_blackout_us", 1, 3'600'000'000));
  spec.blackout_max = std::chrono::microseconds(blackout_us);
  CAUSEWAY_ASSIGN(const uint64_t limit_us,
                  optional_number(members, "time_limit_us", kTimeLimitUsMax));
  spec.time_limit = std::chrono::microseconds(limit_us);
  CAUSEWAY_ASSIGN(const uint64_t dry_run,
                  optional_number(members, "dry_run", 1));
  spec.dry_run = dry_run == 1;
  CAUSEWAY_ASSIGN(const std::string mode, text(members, "mode"));
  if (mode == "stop-and-copy") {
    spec.mode = MigrationMode::kStopAndCopy;
  } else if (mode != "pre-copy") {
    return bad("mode", "pre-copy or stop-and-copy");
  }
  CAUSEWAY_ASSIGN(const std::string proof, text(members, "proof"));
  for (const ProofLevel level :
       {ProofLevel::kLanded, ProofLevel::kFrozen, ProofLevel::kStrict}) {
    if (proof == proof_level_name(level)) {
      spec.proof = level;
      return {};
    }
  }
  return bad("proof", "landed, frozen or strict");
}

Result<std::optional<MoverSpec::Content>> content(const json& spec) {
  const auto found = spec.find("content");
  if (found == spec.end()) return std::optional<MoverSpec::Content>();
  if (!found->is_object()) return bad("content", "an object");
  MoverSpec::Content content;
  CAUSEWAY_ASSIGN(content.location, text(*found, "location"));
  CAUSEWAY_ASSIGN(content.key_file, text(*found, "key_file"));
  CAUSEWAY_ASSIGN(content.domain, text(*found, "domain"));
  return std::optional<MoverSpec::Content>(std::move(content));
}

Result<ImageRoots> image(const json& spec) {
  CAUSEWAY_ASSIGN(const std::string coded, text(spec, "image"));
  const auto roots = decode_image_roots(coded);
  if (!roots) return bad("image", "a digest key and roots, in hexadecimal");
  return *roots;
}

// What the two ends of a path agree on.
Status parse_ends(const json& members, bool source, MoverSpec& spec) {
  CAUSEWAY_ASSIGN(spec.token, token(members));
  CAUSEWAY_ASSIGN(const uint64_t streams,
                  number(members, "streams", 1, kStreamsMax));
  spec.streams = static_cast<uint16_t>(streams);
  CAUSEWAY_ASSIGN(spec.tls, tls(members));
  return parse_path(members, source, spec);
}

Result<MoverSpec> parse_probe(const json& members, const std::string& role) {
  MoverSpec spec;
  CAUSEWAY_TRY(parse_ends(members, role == "probe-source", spec));
  CAUSEWAY_ASSIGN(const uint64_t time_us,
                  number(members, "duration_us", 1, kProbeTimeUsMax));
  spec.probe_time = std::chrono::microseconds(time_us);
  CAUSEWAY_ASSIGN(spec.probe_bytes, number(members, "bytes", 1, 1ull << 40));
  if (role == "probe-source") {
    spec.role = MoverRole::kProbeSource;
    CAUSEWAY_ASSIGN(spec.peer, text(members, "peer"));
  } else {
    spec.role = MoverRole::kProbeTarget;
    CAUSEWAY_ASSIGN(spec.listen, text(members, "listen"));
  }
  return spec;
}

}  // namespace

Result<MoverSpec> parse_mover_spec(const std::string& line) {
  const json members = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!members.is_object()) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the mover's spec is not a JSON object");
  }
  MoverSpec spec;
  CAUSEWAY_ASSIGN(const std::string role, text(members, "role"));
  if (role == "probe-source" || role == "probe-target") {
    return parse_probe(members, role);
  }
  CAUSEWAY_ASSIGN(spec.migration, text(members, "migration"));
  CAUSEWAY_ASSIGN(spec.guest, text(members, "guest"));
  CAUSEWAY_ASSIGN(spec.shim_socket, text(members, "shim_socket"));
  if (role == "proof") {
    spec.role = MoverRole::kProof;
    CAUSEWAY_ASSIGN(spec.image, image(members));
    return spec;
  }
  CAUSEWAY_ASSIGN(spec.journal, text(members, "journal"));
  CAUSEWAY_ASSIGN(const uint64_t begin, optional_number(members, "begin", 1));
  spec.begin = begin == 1;
  CAUSEWAY_TRY(parse_ends(members, role == "source", spec));
  if (role == "source") {
    CAUSEWAY_TRY(parse_source(members, spec));
  } else if (role == "target") {
    spec.role = MoverRole::kTarget;
    CAUSEWAY_ASSIGN(spec.listen, text(members, "listen"));
    CAUSEWAY_ASSIGN(spec.content, content(members));
  } else {
    return bad("role", "source, target, proof, probe-source or probe-target");
  }
  return spec;
}

}  // namespace causeway
