// Kernel sockets under the contract of PacketIo.
#include "dpdk-wan/packet/udp_packet_io.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include "engine/runtime/clock.h"
#include "tests/contract/packet_io_contract.h"

namespace causeway {
namespace {

class UdpLab final : public PacketIoLab {
 public:
  static Result<std::unique_ptr<PacketIoLab>> create(const char* address) {
    std::unique_ptr<UdpLab> lab(new UdpLab());
    for (auto& end : lab->ends_) {
      CAUSEWAY_ASSIGN(end, UdpPacketIo::open(address));
    }
    CAUSEWAY_ASSIGN(lab->silent_, UdpPacketIo::open(address));
    return std::unique_ptr<PacketIoLab>(std::move(lab));
  }

  PacketIo& end(int index) override { return *ends_[index]; }
  SocketAddress nowhere() override { return silent_->local(); }
  Instant now() override { return monotonic_now(); }
  void wait(const WaitSet& set, Instant until) override {
    std::vector<pollfd> fds;
    for (const auto& entry : set.entries()) {
      fds.push_back({entry.fd, entry.events, 0});
    }
    const Duration most = std::chrono::seconds(1);
    const Duration left = until == kNever ? most : until - monotonic_now();
    ::poll(fds.data(), fds.size(),
           static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(
                                std::clamp(left, Duration(0), most))
                                .count()));
  }

 private:
  UdpLab() = default;
  std::array<std::unique_ptr<UdpPacketIo>, 2> ends_;
  std::unique_ptr<UdpPacketIo> silent_;
};

MakePacketIoLab udp_lab_at(const char* address) {
  return [address] { return UdpLab::create(address); };
}

INSTANTIATE_TEST_SUITE_P(UdpV4, PacketIoContract,
                         testing::Values(udp_lab_at("127.0.0.1:0")));
INSTANTIATE_TEST_SUITE_P(UdpV6, PacketIoContract,
                         testing::Values(udp_lab_at("[::1]:0")));

TEST(UdpPacketIo, AClosedPortIsARefusal) {
  SocketAddress closed;
  { closed = UdpPacketIo::open("127.0.0.1:0").value()->local(); }
  auto end = UdpPacketIo::open_towards(closed).value();
  end->next_packet()[0] = std::byte{1};
  end->send_packet(1, closed, 0);
  ASSERT_TRUE(end->flush());
  std::array<ReceivedPacket, 1> packets;
  // The kernel answers before sendmsg() returns.
  EXPECT_EQ(end->receive(packets, monotonic_now()).value(), 0u);
  EXPECT_EQ(end->stats().refusals, 1u);
}

}  // namespace
}  // namespace causeway
