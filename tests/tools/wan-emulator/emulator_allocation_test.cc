// Frames pass the emulator without an allocation (design, rule 4), from ring
// to wire. A binary of its own: it replaces operator new.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/contract/allocation_count.h"
#include "tools/network/namespace_pair.h"
#include "tools/wan-emulator/emulator.h"

namespace causeway {
namespace {

constexpr uint64_t kFrames = 2000;

// To an address that nobody answers at: broadcast, so that no ARP is needed.
void send_frames(const std::string& from) {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
  sockaddr_in own = {};
  own.sin_family = AF_INET;
  inet_pton(AF_INET, from.c_str(), &own.sin_addr);
  ASSERT_EQ(
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), sizeof(own)),
      0);
  sockaddr_in all = {};
  all.sin_family = AF_INET;
  all.sin_port = htons(9);
  inet_pton(AF_INET, "10.77.0.3", &all.sin_addr);
  char bytes[500] = {};
  for (uint64_t i = 0; i < kFrames; ++i) {
    ASSERT_EQ(::sendto(fd.get(), bytes, sizeof(bytes), 0,
                       reinterpret_cast<const sockaddr*>(&all), sizeof(all)),
              static_cast<ssize_t>(sizeof(bytes)));
  }
}

TEST(EmulatorAllocation, FramesPassWithoutOne) {
  auto pair = NamespacePair::create(Wiring::kThroughMiddle);
  if (!pair && geteuid() != 0) {
    GTEST_SKIP() << "network namespaces need root: " << pair.error().message;
  }
  ASSERT_TRUE(pair) << pair.error().message;
  EmulatorOptions options;
  options.interfaces = {NamespacePair::middle_interface(0),
                        NamespacePair::middle_interface(1)};
  options.links[0].rate_bits_s = 1'000'000'000;
  options.links[0].delay = std::chrono::milliseconds(2);
  options.links[0].jitter = std::chrono::milliseconds(1);
  options.links[0].loss = {0.1, 0.5, 0, 1};
  options.links[0].reorder = 0.1;
  options.links[0].queue_bytes = 10 << 20;
  std::unique_ptr<Emulator> emulator;
  ASSERT_TRUE(pair->run_in_middle([&]() -> Status {
    CAUSEWAY_ASSIGN(emulator, Emulator::create(options));
    return {};
  }));
  ASSERT_TRUE(pair->run_on(0, [&]() -> Status {
    send_frames(pair->address(0));
    return {};
  }));
  const uint64_t before = allocations;
  const LinkCounters& counters = emulator->direction(0).link().counters();
  while (counters.delivered_frames + counters.lost_frames < kFrames) {
    emulator->step();
    emulator->wait({}, kNever);
  }
  EXPECT_EQ(allocations - before, 0u);
  EXPECT_GT(counters.lost_frames, 0u);
  EXPECT_GT(counters.reordered_frames, 0u);
}

}  // namespace
}  // namespace causeway
