#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>

#include "engine/path/socket_address.h"
#include "engine/path/tcp/tcp_connector.h"
#include "engine/path/tcp/tcp_listener.h"
#include "tests/contract/path_contract.h"
#include "tests/engine/path/tcp/test_certificates.h"

namespace causeway {
namespace {

constexpr PathToken kContractToken{std::byte{1}, std::byte{2}, std::byte{3}};
constexpr int kFdsSearched = 4096;

// What bounds a test that hangs; nothing that passes waits for it.
constexpr int kHungMs = 20'000;

class TcpLab final : public PathLab {
 public:
  TcpLab(const char* address, const PathLabOptions& options,
         const TestCertificates* certificates)
      : listener_(TcpListener::listen(address).value()) {
    TcpConnectOptions connect{options.streams};
    std::optional<TlsOptions> accept;
    if (certificates != nullptr) {
      connect.tls = certificates->options("a", "b");
      accept = certificates->options("b", "a");
    }
    std::thread accepting([&] {
      inbound_ = listener_
                     .accept(kContractToken, options.streams,
                             std::chrono::seconds(20), accept)
                     .value();
    });
    outbound_ =
        TcpConnector::connect(listener_.address(), kContractToken, connect)
            .value();
    accepting.join();
    if (options.tiny_buffers) shrink_buffers();
  }

  OutboundPath& outbound() override { return *outbound_; }
  InboundPath& inbound() override { return *inbound_; }
  Instant now() override { return {}; }  // tcp has no use for the time

  bool wait(const WaitSet& set, Instant until) override {
    EXPECT_EQ(until, kNever);
    return poll_set(set, kHungMs) > 0;
  }
  bool is_ready(const WaitSet& set) override { return poll_set(set, 0) > 0; }

  void cut() override {
    for_each_stream([](int fd) { ::shutdown(fd, SHUT_RDWR); });
  }

 private:
  static int poll_set(const WaitSet& set, int timeout_ms) {
    std::vector<pollfd> fds;
    for (const auto& entry : set.entries()) {
      fds.push_back({entry.fd, entry.events, 0});
    }
    return ::poll(fds.data(), fds.size(), timeout_ms);
  }

  // Only what is sent: a receive buffer below the loopback's MSS of 32 KiB
  // makes TCP wait for its persist timer, 200 ms a time, and less than two
  // MSS to send for delayed acknowledgements.
  static void shrink(int fd) {
    const int bytes = 48 << 10;
    ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  }
  void shrink_buffers() const { for_each_stream(shrink); }

  // This process has both ends of every stream to the listener's port.
  template <typename Fn>
  void for_each_stream(Fn fn) const {
    const uint16_t port = listener_.port();
    for (int fd = 0; fd < kFdsSearched; ++fd) {
      const SocketAddress far = remote_address(fd);
      const SocketAddress near = local_address(fd);
      const bool is_inet =
          far.storage.ss_family == AF_INET || far.storage.ss_family == AF_INET6;
      if (is_inet && (far.port() == port || near.port() == port)) fn(fd);
    }
  }

  TcpListener listener_;
  std::unique_ptr<OutboundPath> outbound_;
  std::unique_ptr<InboundPath> inbound_;
};

MakePathLab lab_at(const char* address) {
  return [address](const PathLabOptions& options) {
    return std::unique_ptr<PathLab>(
        std::make_unique<TcpLab>(address, options, nullptr));
  };
}

MakePathLab tls_lab_at(const char* address) {
  return [address](const PathLabOptions& options) {
    const TestCertificates certificates;
    return std::unique_ptr<PathLab>(
        std::make_unique<TcpLab>(address, options, &certificates));
  };
}

INSTANTIATE_TEST_SUITE_P(Tcp, PathContract,
                         testing::Values(lab_at("127.0.0.1:0")));
INSTANTIATE_TEST_SUITE_P(TcpV6, PathContract,
                         testing::Values(lab_at("[::1]:0")));
INSTANTIATE_TEST_SUITE_P(TcpTls, PathContract,
                         testing::Values(tls_lab_at("127.0.0.1:0")));

}  // namespace
}  // namespace causeway
