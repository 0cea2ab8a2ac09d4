// packet_flow: one end of a flow of datagrams over a PacketIo, for as long as
// it is told, and what it cost: a DPDK port or a kernel socket. No QUIC in it:
// what the packet I/O alone can do.
//
//   packet_flow send    --device DEV --address A/B --port N --peer HOST:PORT
//   packet_flow receive --device DEV --address A/B --port N
//   packet_flow receive --udp HOST:PORT
//
// `receive` alone is an idle end. It sleeps as wait_on() says.
#include <poll.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "dpdk-wan/packet/udp_packet_io.h"
#include "dpdk-wan/port/dpdk_packet_io.h"
#include "engine/runtime/clock.h"

namespace causeway {
namespace {

struct Flow {
  PortOptions port;
  std::string udp;
  std::string peer;
  size_t payload_bytes = 0;  // 0: the largest
  double seconds = 5;
};

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) +
           static_cast<double>(time.tv_usec) * 1e-6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

Result<std::unique_ptr<PacketIo>> open_io(const Flow& flow) {
  if (!flow.udp.empty()) {
    CAUSEWAY_ASSIGN(auto io, UdpPacketIo::open(flow.udp));
    return std::unique_ptr<PacketIo>(std::move(io));
  }
  CAUSEWAY_ASSIGN(auto io, DpdkPacketIo::open(flow.port));
  return std::unique_ptr<PacketIo>(std::move(io));
}

void sleep_on(const PacketIo& io) {
  WaitSet set;
  const Instant now = monotonic_now();
  const Instant until = io.wait_on(set, now);
  if (until <= now) return;
  std::array<pollfd, WaitSet::kFdsMax> fds{};
  const auto entries = set.entries();
  for (size_t i = 0; i < entries.size(); ++i) {
    fds[i] = {entries[i].fd, entries[i].events, 0};
  }
  const Duration most = std::chrono::milliseconds(100);
  const timespec timeout{0, std::min(until - now, most).count()};
  (void)::ppoll(fds.data(), entries.size(), &timeout, nullptr);
}

void send_burst(PacketIo& io, const Flow& flow, const SocketAddress& peer) {
  for (size_t i = 0; i < 64; ++i) {
    const std::span<std::byte> room = io.next_packet();
    if (room.empty()) break;
    const size_t bytes =
        flow.payload_bytes == 0 ? room.size() : flow.payload_bytes;
    io.send_packet(std::min(bytes, room.size()), peer, 0);
  }
  (void)io.flush();
}

Status run(const Flow& flow) {
  CAUSEWAY_ASSIGN(auto io, open_io(flow));
  SocketAddress peer;
  if (!flow.peer.empty()) {
    CAUSEWAY_ASSIGN(const auto found, resolve_address(flow.peer, false));
    peer = found.front();
  }
  const Instant begin = monotonic_now();
  const double cpu_begin = cpu_seconds();
  const Duration time(static_cast<int64_t>(flow.seconds * 1e9));
  Instant first{};
  Instant last{};
  std::array<ReceivedPacket, 64> packets;
  for (Instant now = begin; now - begin < time; now = monotonic_now()) {
    CAUSEWAY_ASSIGN(const size_t came, io->receive(packets, now));
    if (came > 0) {
      if (first == Instant{}) first = now;
      last = now;
    }
    if (peer.bytes > 0) {
      send_burst(*io, flow, peer);
    } else if (came == 0) {
      sleep_on(*io);
    }
  }
  const double wall = seconds(monotonic_now() - begin);
  const double receiving = std::max(seconds(last - first), 1e-9);
  const PacketIoStats stats = io->stats();
  fmt::print(
      "{{\"sent\": {}, \"sent_gbit_s\": {:.3f}, \"received\": {}, "
      "\"received_per_s\": {:.0f}, \"received_gbit_s\": {:.3f}, "
      "\"dropped\": {}, \"cpu\": {:.4f}, \"seconds\": {:.2f}}}\n",
      stats.packets_sent, static_cast<double>(stats.bytes_sent) * 8e-9 / wall,
      stats.packets_received,
      static_cast<double>(stats.packets_received) / receiving,
      static_cast<double>(stats.bytes_received) * 8e-9 / receiving,
      stats.packets_dropped, (cpu_seconds() - cpu_begin) / wall, wall);
  return {};
}

}  // namespace
}  // namespace causeway

int main(int argc, char** argv) {
  using namespace causeway;  // NOLINT
  Flow flow;
  CLI::App app("datagrams over a PacketIo, and what they cost");
  app.require_subcommand(1);
  auto* send = app.add_subcommand("send", "to --peer, as fast as it goes");
  auto* receive = app.add_subcommand("receive", "what comes");
  for (CLI::App* end : {send, receive}) {
    end->add_option("--device", flow.port.device);
    end->add_option("--address", flow.port.address);
    end->add_option("--port", flow.port.udp_port);
    end->add_option("--mtu", flow.port.mtu_bytes);
    end->add_option("--udp", flow.udp, "a kernel socket instead");
    end->add_option("--payload", flow.payload_bytes);
    end->add_option("--seconds", flow.seconds);
  }
  send->add_option("--peer", flow.peer)->required();
  CLI11_PARSE(app, argc, argv);
  if (const Status status = run(flow); !status) {
    fmt::print(stderr, "packet_flow: {}\n", status.error().message);
    return 1;
  }
  return 0;
}
