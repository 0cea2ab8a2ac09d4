// A port's data path allocates nothing once it is open (design, rule 4): also
// not for neighbours, and not for what it refuses. A binary of its own: it
// replaces operator new.
#include <gtest/gtest.h>

#include "engine/runtime/clock.h"
#include "tests/contract/allocation_count.h"
#include "tests/dpdk-wan/port/port_network.h"

namespace causeway {
namespace {

using namespace std::chrono_literals;

TEST(PortAllocation, NothingWhileDatagramsFlow) {
  auto network = PortNetwork::create({});
  if (!network && network.error().code == ErrorCode::kPermission) {
    GTEST_SKIP() << network.error().message;
  }
  ASSERT_TRUE(network) << network.error().message;
  auto a = (*network)->open_port(0);
  auto b = (*network)->open_port(1);
  ASSERT_TRUE(a) << a.error().message;
  ASSERT_TRUE(b) << b.error().message;
  const SocketAddress nowhere =
      to_socket_address(parse_ip_address("10.77.0.3").value(), 4433);
  std::array<ReceivedPacket, 64> packets;
  size_t came = 0;
  const uint64_t before = allocations.load();
  const Instant until = monotonic_now() + 20s;
  while (came < 20'000 && monotonic_now() < until) {
    for (int i = 0; i < 32; ++i) {
      if ((*a)->next_packet().empty()) break;
      (*a)->send_packet(1000, i == 0 ? nowhere : (*b)->local(), 0);
    }
    (void)(*a)->flush();
    (void)(*a)->receive(packets, monotonic_now());
    came += (*b)->receive(packets, monotonic_now()).value();
    WaitSet set;
    (void)(*b)->wait_on(set, monotonic_now());
  }
  EXPECT_GE(came, 20'000u);
  EXPECT_EQ(allocations.load(), before);
}

}  // namespace
}  // namespace causeway
