// QUIC over two DPDK ports: the seam holds what the link wants of it.
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "dpdk-wan/link/link_thread.h"
#include "engine/runtime/clock.h"
#include "tests/dpdk-wan/port/port_network.h"
#include "tests/engine/path/tcp/test_certificates.h"

namespace causeway {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::byte>;

constexpr PathToken kToken{std::byte{1}, std::byte{2}, std::byte{3}};
constexpr Duration kQuicHung = 20s;

class QuicOverPorts : public testing::TestWithParam<PortNetworkOptions> {
 protected:
  void SetUp() override {
    auto network = PortNetwork::create(GetParam());
    if (!network && network.error().code == ErrorCode::kPermission) {
      GTEST_SKIP() << network.error().message;
    }
    ASSERT_TRUE(network) << network.error().message;
    network_ = std::move(*network);
    auto target = make_link(1, "b", "a");
    const SocketAddress address = target->local();
    target->listen(kToken);
    target_ = std::make_unique<LinkThread>(std::move(target));
    auto source = make_link(0, "a", "b");
    ASSERT_TRUE(source->connect(address, monotonic_now()));
    source_ = std::make_unique<LinkThread>(std::move(source));
  }

  std::unique_ptr<WanLink> make_link(int host, const char* name,
                                     const char* peer) {
    WanLinkOptions options;
    options.source = host == 0;
    options.quic.handshake_max = kQuicHung;
    options.quic.silence_max = kQuicHung;
    auto port = network_->open_port(host).value();
    // Jumbo datagrams are a matter of configuration.
    if (GetParam().mtu_bytes > 1500) {
      options.quic.payload_bytes = port->payload_bytes_max();
    }
    return std::make_unique<WanLink>(
        std::move(port),
        QuicCredentials::load(certificates_.files(name), peer).value(),
        options);
  }

  const TestCertificates certificates_;
  std::unique_ptr<PortNetwork> network_;
  std::unique_ptr<LinkThread> target_;
  std::unique_ptr<LinkThread> source_;
};

TEST_P(QuicOverPorts, BytesArriveAsTheyWere) {
  const Status opened = source_->await_open(kQuicHung);
  ASSERT_TRUE(opened) << opened.error().message;
  auto control = source_->link().take_stream(0, "b");
  Hello hello;
  hello.token = kToken;
  hello.stream_count = 1;
  ASSERT_TRUE(send_whole(*control, encode_hello(hello), kQuicHung));
  const Status came = target_->await_open(kQuicHung);
  ASSERT_TRUE(came) << came.error().message;

  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  Bytes sent(16u << 20);
  for (std::byte& byte : sent) byte = static_cast<std::byte>(random());
  auto out = source_->link().take_stream(1, "b");
  auto in = target_->link().take_stream(1, "a");
  std::thread sending([&] {
    const Status all = send_whole(*out, sent, kQuicHung);
    EXPECT_TRUE(all) << all.error().message;
  });
  Bytes received(sent.size());
  const Status all = receive_whole(*in, received, kQuicHung);
  sending.join();
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_TRUE(received == sent);
}

INSTANTIATE_TEST_SUITE_P(Networks, QuicOverPorts,
                         testing::Values(PortNetworkOptions{false, 1500},
                                         PortNetworkOptions{true, 9000}),
                         [](const auto& network) {
                           return fmt::format("{}mtu{}",
                                              network.param.v6 ? "v6" : "v4",
                                              network.param.mtu_bytes);
                         });

}  // namespace
}  // namespace causeway
