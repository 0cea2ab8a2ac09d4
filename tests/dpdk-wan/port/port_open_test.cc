// What goes wrong when a port is opened: each says what, and what to do. And
// the kinds of port that the contract does not run on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "engine/runtime/clock.h"
#include "tests/dpdk-wan/port/port_network.h"

namespace causeway {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class PortOpen : public testing::Test {
 protected:
  void SetUp() override {
    auto network = PortNetwork::create({});
    if (!network && network.error().code == ErrorCode::kPermission) {
      GTEST_SKIP() << network.error().message;
    }
    ASSERT_TRUE(network) << network.error().message;
    network_ = std::move(*network);
    options_ = network_->port_options(0);
  }
  Error refusal() const {
    auto port = network_->open_port(0, options_);
    if (port) return make_error(ErrorCode::kInternal, "it was opened");
    return port.error();
  }
  void expect_refusal(ErrorCode code, const char* words) const {
    const Error error = refusal();
    EXPECT_EQ(error.code, code) << error.message;
    EXPECT_THAT(error.message, HasSubstr(words));
  }

  std::unique_ptr<PortNetwork> network_;
  PortOptions options_;
};

TEST_F(PortOpen, OptionsAreChecked) {
  const PortOptions good = options_;
  options_.address = "10.77.0.1";
  expect_refusal(ErrorCode::kInvalidArgument, "give 192.0.2.5/24");
  options_.address = "224.0.0.1/24";
  expect_refusal(ErrorCode::kInvalidArgument, "no host's address");
  options_ = good;
  options_.gateway = "10.78.0.1";
  expect_refusal(ErrorCode::kInvalidArgument, "not another host of 10.77.0.1");
  options_ = good;
  options_.mtu_bytes = 1279;
  expect_refusal(ErrorCode::kInvalidArgument, "give 1280 to 9600");
  options_ = good;
  options_.device = "eth0";
  expect_refusal(ErrorCode::kInvalidArgument, "give a PCI address");
}

TEST_F(PortOpen, AnInterfaceThatIsNotThere) {
  options_.device = "net_af_packet0,iface=nowhere0";
  expect_refusal(ErrorCode::kNotFound, "no interface nowhere0");
}

TEST_F(PortOpen, AnInterfaceWithASmallerMtu) {
  options_.mtu_bytes = 9000;
  expect_refusal(ErrorCode::kInvalidArgument, "ip link set host-a mtu 9000");
}

TEST_F(PortOpen, ADriverThatIsNotThere) {
  options_.device = "net_nosuch0";
  expect_refusal(ErrorCode::kNotFound, "net_nosuch0 cannot be made");
}

TEST_F(PortOpen, ANameInUse) {
  auto first = network_->open_port(0);
  ASSERT_TRUE(first) << first.error().message;
  expect_refusal(ErrorCode::kAlreadyExists, "another number");
  // And free again after it.
  first->reset();
  EXPECT_TRUE(network_->open_port(0));
}

TEST_F(PortOpen, APciDeviceAfterAVirtualOne) {
  ASSERT_TRUE(network_->open_port(0));
  options_.device = "0000:7f:1f.7";
  expect_refusal(ErrorCode::kInvalidArgument, "before virtual ones");
}

TEST_F(PortOpen, AFreePortIsTaken) {
  options_.udp_port = 0;
  auto port = network_->open_port(0, options_);
  ASSERT_TRUE(port) << port.error().message;
  EXPECT_GE((*port)->local().port(), 49152);
}

// Capabilities are a thread's.
TEST_F(PortOpen, WithoutTheRightToRawSockets) {
  Error error;
  std::thread([&] {
    __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> none{};
    ASSERT_EQ(::syscall(SYS_capset, &head, none.data()), 0);
    auto port = DpdkPacketIo::open(options_);
    ASSERT_FALSE(port);
    error = port.error();
  }).join();
  EXPECT_EQ(error.code, ErrorCode::kPermission);
  EXPECT_THAT(error.message, HasSubstr("needs CAP_NET_RAW"));
}

// A port that fills in checksums (net_tap does) and the kernel, which checks
// them: of both families, with payloads that end odd.
class PortThatSums : public PortOpen,
                     public testing::WithParamInterface<bool> {};

TEST_P(PortThatSums, TheKernelBelievesItsDatagrams) {
  const bool v6 = GetParam();
  if (::access("/dev/net/tun", R_OK | W_OK) != 0) {
    GTEST_SKIP() << "no /dev/net/tun";
  }
  options_.device = "net_tap0,iface=tap0";
  options_.address = v6 ? "2001:db8:2::1/64" : "192.0.2.1/24";
  auto port = network_->open_port(0, options_);
  ASSERT_TRUE(port) << port.error().message;
  // The kernel's end of it.
  ASSERT_TRUE(network_->run(
      0, fmt::format("ip link set tap0 address 02:00:00:00:00:55 up && "
                     "ip address add {} dev tap0 {}",
                     v6 ? "2001:db8:2::2/64" : "192.0.2.2/24",
                     v6 ? "nodad" : "")));
  const SocketAddress kernel = to_socket_address(
      parse_ip_address(v6 ? "2001:db8:2::2" : "192.0.2.2").value(), 5000);
  UniqueFd fd;
  ASSERT_TRUE(network_->run_on(0, [&]() -> Status {
    fd.reset(::socket(kernel.storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0));
    if (::bind(fd.get(), kernel.get(), kernel.bytes) == 0) return {};
    return errno_error(errno, "binding the test's socket");
  }));
  for (const size_t bytes : {size_t{1}, size_t{501}, size_t{1400}}) {
    const std::span<std::byte> room = (*port)->next_packet();
    ASSERT_FALSE(room.empty());
    std::fill_n(room.begin(), bytes, static_cast<std::byte>(bytes));
    (*port)->send_packet(bytes, kernel, 0);
    std::array<char, 2000> got{};
    ssize_t came = -1;
    const Instant until = monotonic_now() + 20s;
    while (came < 0 && monotonic_now() < until) {
      std::array<ReceivedPacket, 32> packets;
      ASSERT_TRUE((*port)->receive(packets, monotonic_now()));
      ASSERT_TRUE((*port)->flush());
      came = ::recv(fd.get(), got.data(), got.size(), 0);
      sleep_until({}, monotonic_now() + 200us);
    }
    EXPECT_EQ(came, static_cast<ssize_t>(bytes));
  }
}

INSTANTIATE_TEST_SUITE_P(Ip, PortThatSums, testing::Values(false, true),
                         [](const auto& family) {
                           return std::string(family.param ? "v6" : "v4");
                         });

// In a process of its own: DPDK's environment is made once.
class PortOpenDeathTest : public PortOpen {
 protected:
  // Prints the reason; 0 if it is of that kind.
  [[noreturn]] void refuse_within(rlim_t address_space, ErrorCode code) const {
    const rlimit limit{address_space, address_space};
    (void)::setrlimit(RLIMIT_AS, &limit);
    const Error error = refusal();
    std::fprintf(stderr, "%s\n", error.message.c_str());
    ::_exit(error.code == code ? 0 : 1);
  }
};

TEST_F(PortOpenDeathTest, WithTooLittleMemory) {
#ifdef CAUSEWAY_SANITIZED
  GTEST_SKIP() << "the sanitizers reserve more address space than this leaves";
#endif
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(refuse_within(200u << 20, ErrorCode::kNoSpace),
              testing::ExitedWithCode(0), "DPDK cannot be set up.*hugepages");
}

TEST_F(PortOpenDeathTest, APciDeviceThatIsNotThere) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  options_.device = "0000:7f:1f.7";
  EXPECT_EXIT(refuse_within(RLIM_INFINITY, ErrorCode::kNotFound),
              testing::ExitedWithCode(0), "7f:1f.7 is not there.*vfio-pci");
}

}  // namespace
}  // namespace causeway
