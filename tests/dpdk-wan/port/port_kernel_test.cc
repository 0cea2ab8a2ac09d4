// A DPDK port against an ordinary kernel at the other end of the cable: its
// sockets, its ARP and NDP, its router.
#include <gtest/gtest.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "dpdk-wan/port/checksum.h"
#include "engine/runtime/clock.h"
#include "tests/dpdk-wan/port/port_network.h"

namespace causeway {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::byte>;

constexpr Duration kHung = 20s;

struct Arrived {
  Bytes payload;
  SocketAddress from;
  uint8_t ecn = 0;
};

Bytes pattern(size_t bytes) {
  Bytes out(bytes);
  for (size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::byte>(i * 31);
  return out;
}

// Host 0 is the port's, host 1 the kernel's.
class PortAndKernel : public testing::TestWithParam<PortNetworkOptions> {
 protected:
  void SetUp() override {
    auto network = PortNetwork::create(GetParam());
    if (!network && network.error().code == ErrorCode::kPermission) {
      GTEST_SKIP() << network.error().message;
    }
    ASSERT_TRUE(network) << network.error().message;
    network_ = std::move(*network);
    ASSERT_TRUE(network_->use_kernel(1));
    auto socket = network_->open_socket(1, kernel_);
    ASSERT_TRUE(socket) << socket.error().message;
    socket_ = std::move(*socket);
    set_option(v6() ? IPV6_RECVTCLASS : IP_RECVTOS, 1);
    open_port(network_->port_options(0));
  }

  void open_port(const PortOptions& options) {
    port_.reset();
    auto port = network_->open_port(0, options);
    ASSERT_TRUE(port) << port.error().message;
    port_ = std::move(*port);
  }

  bool v6() const { return GetParam().v6; }
  void set_option(int name, int value) const {
    ASSERT_EQ(::setsockopt(socket_.get(), v6() ? IPPROTO_IPV6 : IPPROTO_IP,
                           name, &value, sizeof value),
              0);
  }

  void port_sends(std::span<const std::byte> payload, const SocketAddress& to,
                  uint8_t ecn = 0) {
    const std::span<std::byte> room = port_->next_packet();
    ASSERT_GE(room.size(), payload.size());
    std::copy(payload.begin(), payload.end(), room.begin());
    port_->send_packet(payload.size(), to, ecn);
    ASSERT_TRUE(port_->flush().value());
  }
  void kernel_sends(std::span<const std::byte> payload) const {
    const SocketAddress& to = port_->local();
    ASSERT_EQ(::sendto(socket_.get(), payload.data(), payload.size(), 0,
                       to.get(), to.bytes),
              static_cast<ssize_t>(payload.size()));
  }

  // One step of whoever drives the port.
  std::vector<Arrived> serve() {
    std::array<ReceivedPacket, 32> packets;
    const size_t count = port_->receive(packets, monotonic_now()).value();
    std::vector<Arrived> arrived;
    for (size_t i = 0; i < count; ++i) {
      const ReceivedPacket& packet = packets[i];
      arrived.push_back({{packet.payload.begin(), packet.payload.end()},
                         packet.from,
                         packet.ecn});
    }
    EXPECT_TRUE(port_->flush());
    return arrived;
  }
  template <typename Enough>
  bool serve_until(Enough enough, Duration time = kHung) {
    const Instant until = monotonic_now() + time;
    while (!enough()) {
      if (monotonic_now() > until) return false;
      serve();
      sleep_until({}, monotonic_now() + 100us);
    }
    return true;
  }
  std::optional<Arrived> port_receives() {
    const Instant until = monotonic_now() + kHung;
    while (monotonic_now() < until) {
      auto arrived = serve();
      if (!arrived.empty()) return std::move(arrived.front());
    }
    return std::nullopt;
  }
  std::optional<Arrived> kernel_receives(Duration time = kHung) {
    Arrived arrived;
    arrived.payload.resize(10000);
    iovec piece{arrived.payload.data(), arrived.payload.size()};
    alignas(cmsghdr) std::array<char, 128> control{};
    msghdr message{};
    message.msg_name = &arrived.from.storage;
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    ssize_t bytes = -1;
    const auto comes = [&] {
      message.msg_namelen = sizeof arrived.from.storage;
      message.msg_controllen = control.size();
      bytes = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT);
      return bytes >= 0;
    };
    serve_until(comes, time);
    if (bytes < 0) return std::nullopt;
    arrived.payload.resize(static_cast<size_t>(bytes));
    arrived.from.bytes = message.msg_namelen;
    const cmsghdr* mark = CMSG_FIRSTHDR(&message);
    if (mark != nullptr) arrived.ecn = *CMSG_DATA(mark) & 3;
    return arrived;
  }
  // Some are lost until the network is itself again; what a full port held may
  // come first.
  bool reaches_the_kernel() {
    const Instant until = monotonic_now() + kHung;
    while (monotonic_now() < until) {
      if (!port_->next_packet().empty()) port_sends(pattern(77), kernel_);
      const auto arrived = kernel_receives(20ms);
      if (arrived && arrived->payload == pattern(77)) return true;
    }
    return false;
  }

  // A link behind the kernel that takes 1400 bytes only, where it routes to.
  SocketAddress behind_the_router() {
    const std::string device = network_->device(1);
    const char* inside = v6() ? "2001:db8:1::1/64" : "198.51.100.1/24";
    EXPECT_TRUE(network_->run(
        1, fmt::format("ip link add narrow type veth peer name far && "
                       "ip link set narrow mtu 1400 up && "
                       "ip link set far mtu 1400 up && "
                       "ip address add {} dev narrow {} && "
                       "echo 1 > /proc/sys/net/ipv4/ip_forward && "
                       "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding && "
                       "ip {} neigh add {} lladdr 02:00:00:00:00:99 dev narrow",
                       inside, v6() ? "nodad" : "", v6() ? "-6" : "",
                       v6() ? "2001:db8:1::99" : "198.51.100.99")));
    PortOptions options = network_->port_options(0);
    const std::string gateway = network_->address(1);
    options.gateway = gateway.substr(0, gateway.find('/'));
    open_port(options);
    return to_socket_address(
        parse_ip_address(v6() ? "2001:db8:1::99" : "198.51.100.99").value(),
        4433);
  }

  std::unique_ptr<PortNetwork> network_;
  UniqueFd socket_;
  SocketAddress kernel_;
  std::unique_ptr<DpdkPacketIo> port_;
};

TEST_P(PortAndKernel, ThePortAsksWhoItIsAndSends) {
  for (const size_t bytes :
       {size_t{1}, size_t{18}, size_t{1200}, port_->payload_bytes_max()}) {
    port_sends(pattern(bytes), kernel_);
    const auto arrived = kernel_receives();
    ASSERT_TRUE(arrived) << bytes;
    EXPECT_EQ(arrived->payload, pattern(bytes));
    EXPECT_EQ(arrived->from.text(), port_->local().text());
  }
}

TEST_P(PortAndKernel, TheKernelAsksWhoItIsAndSends) {
  for (const size_t bytes :
       {size_t{1}, size_t{18}, size_t{1200}, port_->payload_bytes_max()}) {
    kernel_sends(pattern(bytes));
    const auto arrived = port_receives();
    ASSERT_TRUE(arrived) << bytes;
    EXPECT_EQ(arrived->payload, pattern(bytes));
    EXPECT_EQ(arrived->from.text(), kernel_.text());
  }
}

TEST_P(PortAndKernel, MarksOfCongestionGoBothWays) {
  for (uint8_t ecn = 0; ecn < 4; ++ecn) {
    port_sends(pattern(100), kernel_, ecn);
    const auto there = kernel_receives();
    ASSERT_TRUE(there);
    EXPECT_EQ(there->ecn, ecn);
    set_option(v6() ? IPV6_TCLASS : IP_TOS, ecn);
    kernel_sends(pattern(100));
    const auto here = port_receives();
    ASSERT_TRUE(here);
    EXPECT_EQ(here->ecn, ecn);
  }
}

TEST_P(PortAndKernel, ItAnswersAnEcho) {
  UniqueFd raw;
  ASSERT_TRUE(network_->run_on(1, [&]() -> Status {
    raw.reset(::socket(v6() ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_NONBLOCK,
                       v6() ? kProtocolIcmpv6 : kProtocolIcmp));
    return {};
  }));
  ASSERT_TRUE(raw);
  Bytes request = pattern(64);
  request[0] = static_cast<std::byte>(v6() ? ICMP6_ECHO_REQUEST : ICMP_ECHO);
  request[1] = request[2] = request[3] = {};
  if (!v6()) {
    const uint16_t sum = Checksum().add(request).value();
    request[2] = static_cast<std::byte>(sum >> 8);
    request[3] = static_cast<std::byte>(sum);
  }
  const SocketAddress to = to_socket_address(ip_of(port_->local()), 0);
  ASSERT_EQ(::sendto(raw.get(), request.data(), request.size(), 0, to.get(),
                     to.bytes),
            64);
  const auto reply_type =
      static_cast<std::byte>(v6() ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY);
  EXPECT_TRUE(serve_until([&] {
    Bytes reply(200);
    const ssize_t bytes = ::recv(raw.get(), reply.data(), reply.size(), 0);
    const size_t head = v6() ? 0 : kIpv4Bytes;
    return bytes == static_cast<ssize_t>(64 + head) &&
           reply[head] == reply_type &&
           std::equal(request.begin() + 4, request.end(),
                      reply.begin() + static_cast<ptrdiff_t>(head) + 4);
  }));
}

TEST_P(PortAndKernel, AClosedPortIsCounted) {
  SocketAddress closed = to_socket_address(ip_of(kernel_), 9);
  port_sends(pattern(100), closed);
  EXPECT_TRUE(serve_until([&] { return port_->stats().refusals > 0; }));
}

class PortAndRouter : public PortAndKernel {};

TEST_P(PortAndRouter, ItsWordShrinksWhatIsSent) {
  const SocketAddress far = behind_the_router();
  const size_t before = port_->payload_bytes_max();
  port_sends(pattern(before), far);
  EXPECT_TRUE(serve_until([&] { return port_->payload_bytes_max() < before; }));
  EXPECT_EQ(port_->payload_bytes_max(), before - 100);
  EXPECT_EQ(port_->next_packet().size(), before - 100);
}

TEST_P(PortAndKernel, ANewMacAddressIsBelieved) {
  port_sends(pattern(100), kernel_);
  ASSERT_TRUE(kernel_receives());
  // It announces itself, as a host does that took over an address.
  ASSERT_TRUE(network_->run(
      1, fmt::format("echo 1 > /proc/sys/net/ipv4/conf/{0}/arp_notify && "
                     "echo 1 > /proc/sys/net/ipv6/conf/{0}/ndisc_notify && "
                     "ip link set {0} address 02:00:00:00:00:77",
                     network_->device(1))));
  EXPECT_TRUE(reaches_the_kernel());
}

TEST_P(PortAndKernel, ACutCableIsNoEnd) {
  port_sends(pattern(100), kernel_);
  ASSERT_TRUE(kernel_receives());
  ASSERT_TRUE(network_->cut());
  for (int i = 0; i < 1000; ++i) {
    const std::span<std::byte> room = port_->next_packet();
    if (room.empty()) break;
    port_->send_packet(100, kernel_, 0);
    ASSERT_TRUE(port_->flush());
    serve();
  }
  ASSERT_TRUE(network_->mend());
  EXPECT_TRUE(reaches_the_kernel());
}

// Frames of every kind, then bent: whatever comes, datagrams go on.
TEST_P(PortAndKernel, GarbageIsRefused) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  UniqueFd raw;
  ASSERT_TRUE(network_->run_on(1, [&]() -> Status {
    raw.reset(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL)));
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(ETH_P_ALL);
    at.sll_ifindex =
        static_cast<int>(::if_nametoindex(network_->device(1).c_str()));
    if (::bind(raw.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) ==
        0) {
      return {};
    }
    return errno_error(errno, "binding the test's socket");
  }));
  // What passes here anyway is the seed.
  kernel_sends(pattern(300));
  ASSERT_TRUE(port_receives());
  std::vector<Bytes> seeds;
  for (Bytes frame(2000);;) {
    const ssize_t bytes = ::recv(raw.get(), frame.data(), frame.size(), 0);
    if (bytes < 0) break;
    seeds.emplace_back(frame.begin(), frame.begin() + bytes);
  }
  ASSERT_FALSE(seeds.empty());
  for (int i = 0; i < 20'000; ++i) {
    Bytes frame = seeds[random() % seeds.size()];
    for (size_t changes = 1 + random() % 4; changes > 0; --changes) {
      frame[random() % frame.size()] = static_cast<std::byte>(random());
    }
    if (random() % 4 == 0) frame.resize(14 + random() % (frame.size() - 14));
    (void)::send(raw.get(), frame.data(), frame.size(), 0);
    if (i % 16 == 0) serve();
  }
  while (!serve().empty()) {
  }
  uint64_t refused = 0;
  for (size_t i = 0; i < kFrameRefusals; ++i) {
    refused += port_->refused(static_cast<FrameRefusal>(i));
  }
  EXPECT_GT(refused, 1000u);
  // A bent answer may have told it a wrong neighbour, until it asks again.
  ASSERT_TRUE(network_->run(
      1, fmt::format("ip neigh flush dev {}", network_->device(1))));
  kernel_sends(pattern(123));
  std::optional<Arrived> arrived;
  do {
    arrived = port_receives();
  } while (arrived && arrived->payload != pattern(123));
  EXPECT_TRUE(arrived);
}

INSTANTIATE_TEST_SUITE_P(Networks, PortAndRouter,
                         testing::Values(PortNetworkOptions{false, 1500},
                                         PortNetworkOptions{true, 1500}));
INSTANTIATE_TEST_SUITE_P(Networks, PortAndKernel,
                         testing::Values(PortNetworkOptions{false, 1500},
                                         PortNetworkOptions{true, 1500},
                                         PortNetworkOptions{false, 9000},
                                         PortNetworkOptions{true, 9000}),
                         [](const auto& network) {
                           return fmt::format("{}mtu{}",
                                              network.param.v6 ? "v6" : "v4",
                                              network.param.mtu_bytes);
                         });

}  // namespace
}  // namespace causeway
