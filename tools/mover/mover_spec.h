// MoverSpec: the first line of a mover's stdin, one JSON object: what to move,
// to whom, how. tools/README.md lists the members.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dpdk-wan/port/port_options.h"
#include "dpdk-wan/quic/congestion.h"
#include "engine/base/result.h"
#include "engine/content/image_roots.h"
#include "engine/migration/messages.h"
#include "engine/migration/report.h"
#include "engine/path/stream/hello.h"
#include "engine/path/tcp/tls_context.h"
#include "engine/policy/codec_options.h"
#include "engine/policy/dedup_choice.h"

namespace causeway {

enum class MoverRole { kSource, kTarget, kProof, kProbeSource, kProbeTarget };
enum class PathKind { kTcp, kWan, kRdma };

// Of the rdma path.
struct MoverRdma {
  // Where each of the fabrics begins here.
  struct Device {
    std::string fabric;  // for the report
    std::string address;
  };
  std::vector<Device> devices;  // at least one
  uint64_t pinned_bytes_max = 0;
  bool required = false;  // else TCP will do
};

// Both ends of a lane, of a target its own: the kernel's sockets at `local`, or
// a port.
struct MoverLane {
  std::string local;
  std::string peer;
  std::optional<PortOptions> port;
};

struct MoverSpec {
  MoverRole role = MoverRole::kSource;
  std::string migration;
  std::string guest;
  std::string shim_socket;
  std::string journal;  // the agent's
  bool begin = false;   // no agent has made the row of this migration: labs
  PathToken token{};
  uint16_t streams = 1;
  PathKind path = PathKind::kTcp;
  // Of the wan path, each end for what it sends.
  CongestionControl congestion = CongestionControl::kBbr2;
  bool fec = true;
  uint32_t datagram_bytes = 0;      // UDP payload; 0: found out
  std::optional<PortOptions> port;  // nothing: kernel sockets
  // Not empty: the path is striped. The source has both ends of each lane, the
  // target where to listen (`local`).
  std::vector<MoverLane> lanes;
  std::optional<MoverRdma> rdma;  // of the rdma path, always
  std::optional<TlsOptions> tls;  // nothing: in the clear

  // Source.
  std::string peer;
  uint64_t bandwidth_bytes_s = 0;  // 0: no limit
  CodecOptions codec;
  DedupMode dedup = DedupMode::kAuto;
  MigrationMode mode = MigrationMode::kPreCopy;
  Duration blackout_max = std::chrono::milliseconds(30);
  ProofLevel proof = ProofLevel::kFrozen;
  Duration time_limit{0};  // 0: none
  bool dry_run = false;

  // Target.
  std::string listen;
  // The host's content index, if it has one, and whose content of it.
  struct Content {
    std::string location;
    std::string key_file;
    std::string domain;
  };
  std::optional<Content> content;

  // Probe, which has no guest: at most so long and so much.
  Duration probe_time{0};
  uint64_t probe_bytes = 0;

  // Proof, which needs nothing else but the guest and its shim.
  ImageRoots image;
};

// Bytes from the agent, but checked like any: an Error names the member.
Result<MoverSpec> parse_mover_spec(const std::string& line);

}  // namespace causeway
