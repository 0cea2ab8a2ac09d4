// What a DPDK port's own Ethernet, IP and UDP cost for each datagram: heads and
// checksum at one end, the checked decoder at the other. By payload; IPv6 last.
#include <benchmark/benchmark.h>

#include <vector>

#include "dpdk-wan/port/frame_builder.h"
#include "dpdk-wan/port/frame_decoder.h"

namespace causeway {
namespace {

UdpHeads heads_of(bool v6) {
  const char* from = v6 ? "2001:db8::1" : "192.0.2.1";
  const char* to = v6 ? "2001:db8::2" : "192.0.2.2";
  return {{{{2, 0, 0, 0, 0, 1}}, parse_ip_address(from).value()},
          parse_ip_address(to).value(),
          4433,
          4433,
          0};
}

void BuildUdp(benchmark::State& state) {
  const bool v6 = state.range(1) != 0;
  const UdpHeads heads = heads_of(v6);
  std::vector<std::byte> frame(udp_heads_bytes(v6) +
                               static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    build_udp_heads(frame, heads, ChecksumBy::kSoftware);
    benchmark::DoNotOptimize(frame.data());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void DecodeUdp(benchmark::State& state) {
  const bool v6 = state.range(1) != 0;
  std::vector<std::byte> frame(udp_heads_bytes(v6) +
                               static_cast<size_t>(state.range(0)));
  build_udp_heads(frame, heads_of(v6), ChecksumBy::kSoftware);
  for (auto _ : state) {
    Frame read = decode_frame(frame);
    benchmark::DoNotOptimize(read);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

BENCHMARK(BuildUdp)->ArgsProduct({{1200, 1472, 8972}, {0, 1}});
BENCHMARK(DecodeUdp)->ArgsProduct({{1200, 1472, 8972}, {0, 1}});

}  // namespace
}  // namespace causeway
