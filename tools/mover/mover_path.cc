#include "tools/mover/mover_path.h"

#include "dpdk-wan/wan_connector.h"
#include "engine/path/tcp/tcp_connector.h"
#include "rdma/rdma_connector.h"
#include "tools/mover/mover_port.h"

namespace causeway {
namespace {

// The kernel cannot renew a key: not for what may need more than one. A round
// sends each block once, and few guests need more than these rounds.
bool kernel_may_encrypt(uint64_t guest_bytes) {
  constexpr uint64_t kRounds = 8;
  return guest_bytes <= kTlsKernelBytesMax / kRounds;
}

WanOptions wan_options(const MoverSpec& spec) {
  WanOptions options;
  options.streams = spec.streams;
  options.files = spec.tls->files;
  options.peer_name = spec.tls->peer_name;
  options.congestion = spec.congestion;
  options.fec = spec.fec;
  options.payload_bytes = spec.datagram_bytes;
  return options;
}

Result<std::unique_ptr<OutboundPath>> connect_single(const MoverSpec& spec,
                                                     uint64_t guest_bytes) {
  if (spec.path == PathKind::kWan && spec.port) {
    CAUSEWAY_ASSIGN(auto io, open_port(*spec.port));
    return WanConnector::connect(std::move(io), spec.peer, spec.token,
                                 wan_options(spec));
  }
  if (spec.path == PathKind::kWan) {
    return WanConnector::connect(spec.peer, spec.token, wan_options(spec));
  }
  TcpConnectOptions options;
  options.streams = spec.streams;
  options.tls = spec.tls;
  if (options.tls) options.tls->kernel = kernel_may_encrypt(guest_bytes);
  return TcpConnector::connect(spec.peer, spec.token, options);
}

RdmaOptions rdma_options(const MoverSpec& spec, const PathGround& ground) {
  RdmaOptions options;
  options.streams = spec.streams;
  options.tls = spec.tls;
  if (options.tls) options.tls->kernel = kernel_may_encrypt(ground.bytes);
  options.required = spec.rdma->required;
  for (const MoverRdma::Device& device : spec.rdma->devices) {
    options.device_addresses.push_back(device.address);
  }
  options.pinned_bytes_max = spec.rdma->pinned_bytes_max;
  if (ground.image == nullptr) return options;
  for (RegionId id = 0; id < ground.image->regions(); ++id) {
    const bool ram = ground.image->info(id).kind == RegionKind::kRam;
    options.stores.push_back(ram ? &ground.image->store(id) : nullptr);
  }
  for (uint32_t i = 0; i < spec.streams; ++i) {
    options.scratch.push_back(ground.workers->scratch(i));
  }
  return options;
}

std::vector<LaneEnds> lane_ends(const MoverSpec& spec) {
  std::vector<LaneEnds> ends;
  for (const MoverLane& lane : spec.lanes) {
    LaneEnds& one = ends.emplace_back(LaneEnds{lane.local, lane.peer, {}});
    if (!lane.port) continue;
    one.port = [options = *lane.port](uint16_t udp_port) mutable {
      options.udp_port = udp_port;
      return open_port(options);
    };
  }
  return ends;
}

}  // namespace

Result<MoverPath> connect_path(const MoverSpec& spec,
                               const PathGround& ground) {
  if (spec.path == PathKind::kRdma) {
    CAUSEWAY_ASSIGN(RdmaPath rdma,
                    RdmaConnector::connect(spec.peer, spec.token,
                                           rdma_options(spec, ground)));
    return MoverPath{std::move(rdma.path), nullptr, rdma.tally,
                     std::move(rdma.routes), std::move(rdma.why_not)};
  }
  if (spec.path == PathKind::kWan && !spec.lanes.empty()) {
    CAUSEWAY_ASSIGN(
        std::unique_ptr<OutboundLanes> lanes,
        OutboundLanes::connect(lane_ends(spec), spec.token, wan_options(spec)));
    const OutboundLanes* const striped = lanes.get();
    return MoverPath{std::move(lanes), striped};
  }
  CAUSEWAY_ASSIGN(auto path, connect_single(spec, ground.bytes));
  return MoverPath{std::move(path)};
}

Result<std::unique_ptr<RdmaProbeSource>> connect_rdma_probe(
    const MoverSpec& spec) {
  return RdmaProbeSource::connect(
      spec.peer, spec.token, rdma_options(spec, {}),
      std::chrono::duration_cast<Duration>(spec.probe_time), spec.probe_bytes);
}

Result<MoverListener> MoverListener::listen(const MoverSpec& spec) {
  MoverListener listener;
  if (spec.path == PathKind::kWan && !spec.lanes.empty()) {
    CAUSEWAY_ASSIGN(listener.lanes_, LanesListener::listen(lane_ends(spec)));
  } else if (spec.path == PathKind::kWan && spec.port) {
    CAUSEWAY_ASSIGN(auto io, open_port(*spec.port));
    listener.wan_ = WanListener::over(std::move(io));
  } else if (spec.path == PathKind::kWan) {
    CAUSEWAY_ASSIGN(listener.wan_, WanListener::listen(spec.listen));
  } else if (spec.path == PathKind::kRdma) {
    CAUSEWAY_ASSIGN(listener.rdma_, RdmaPathListener::listen(
                                        spec.listen, rdma_options(spec, {})));
  } else {
    CAUSEWAY_ASSIGN(listener.tcp_, TcpListener::listen(spec.listen));
  }
  return listener;
}

std::vector<std::string> MoverListener::lane_addresses() const {
  return lanes_ ? lanes_->addresses() : std::vector<std::string>();
}

std::string MoverListener::address() const {
  if (lanes_) return lanes_->addresses().front();
  if (rdma_) return rdma_->address();
  return wan_ ? wan_->address() : tcp_->address();
}

Result<std::unique_ptr<InboundPath>> MoverListener::accept(
    const MoverSpec& spec, const PathGround& ground, Duration timeout) {
  if (tcp_) return tcp_->accept(spec.token, spec.streams, timeout, spec.tls);
  if (rdma_) {
    RdmaOptions options = rdma_options(spec, ground);
    options.timeout = timeout;
    return rdma_->accept(spec.token, options);
  }
  WanOptions options = wan_options(spec);
  options.timeout = timeout;
  return lanes_ ? lanes_->accept(spec.token, options)
                : wan_->accept(spec.token, options);
}

Result<std::unique_ptr<Stepper>> MoverListener::accept_rdma_probe(
    const MoverSpec& spec, Duration timeout) {
  RdmaOptions options = rdma_options(spec, {});
  options.timeout = timeout;
  return rdma_->accept_probe(spec.token, options);
}

}  // namespace causeway
