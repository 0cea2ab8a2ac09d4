#include <poll.h>

#include <chrono>
#include <random>
#include <thread>

#include "dpdk-wan/wan_connector.h"
#include "dpdk-wan/wan_listener.h"
#include "engine/runtime/clock.h"
#include "tests/contract/path_contract.h"
#include "tests/dpdk-wan/udp_relay.h"
#include "tests/engine/path/tcp/test_certificates.h"

namespace causeway {
namespace {

constexpr PathToken kContractToken{std::byte{1}, std::byte{2}, std::byte{3}};

// What bounds a test that hangs; nothing that passes waits for it.
constexpr Duration kHung = std::chrono::seconds(20);

class WanLab final : public PathLab {
 public:
  WanLab(const char* address, const PathLabOptions& options,
         RelayTrouble trouble, bool urgent)
      : urgent_(urgent),
        listener_(WanListener::listen(address).value()),
        relay_(resolve_address(listener_.address(), false)->front(),
               slowed(trouble, options)) {
    if (trouble.loss > 0) {
      printf("the relay's seed: %llu\n",
             static_cast<unsigned long long>(trouble.seed));
    }
    const TestCertificates certificates;
    const WanOptions accept = ends(certificates, "b", "a", options);
    const WanOptions connect = ends(certificates, "a", "b", options);
    std::thread accepting([&] {
      auto inbound = listener_.accept(kContractToken, accept);
      ASSERT_TRUE(inbound) << inbound.error().message;
      inbound_ = std::move(inbound).value();
    });
    auto outbound =
        WanConnector::connect(relay_.address(), kContractToken, connect);
    accepting.join();
    EXPECT_TRUE(outbound) << outbound.error().message;
    outbound_ = std::move(outbound).value();
  }

  OutboundPath& outbound() override { return *outbound_; }
  InboundPath& inbound() override { return *inbound_; }
  Instant now() override { return monotonic_now(); }

  bool wait(const WaitSet& set, Instant until) override {
    const Instant start = monotonic_now();
    const Duration most = until == kNever ? kHung : until - start;
    return poll_set(set, std::max(most, Duration(0))) > 0 || until != kNever;
  }
  bool is_ready(const WaitSet& set) override {
    return poll_set(set, Duration(0)) > 0;
  }
  void cut() override { relay_.cut(); }
  bool urgent() const override { return urgent_; }

 private:
  static RelayTrouble slowed(RelayTrouble trouble,
                             const PathLabOptions& options) {
    // Between the ends is no buffer to make small; a slow link does as well.
    if (options.tiny_buffers) trouble.bytes_s = 10'000'000;
    return trouble;
  }
  static WanOptions ends(const TestCertificates& certificates, const char* name,
                         const char* peer, const PathLabOptions& options) {
    WanOptions wan;
    wan.streams = options.streams;
    wan.files = certificates.files(name);
    wan.peer_name = peer;
    wan.silence_max = std::chrono::seconds(1);
    return wan;
  }
  static int poll_set(const WaitSet& set, Duration most) {
    std::vector<pollfd> fds;
    for (const auto& entry : set.entries()) {
      fds.push_back({entry.fd, entry.events, 0});
    }
    return ::poll(
        fds.data(), fds.size(),
        static_cast<int>(
            std::chrono::ceil<std::chrono::milliseconds>(most).count()));
  }

  bool urgent_;
  WanListener listener_;
  UdpRelay relay_;
  std::unique_ptr<OutboundPath> outbound_;
  std::unique_ptr<InboundPath> inbound_;
};

MakePathLab wan_lab_at(const char* address, const RelayTrouble& trouble = {},
                       bool urgent = false) {
  return [address, trouble, urgent](const PathLabOptions& options) {
    return std::unique_ptr<PathLab>(
        std::make_unique<WanLab>(address, options, trouble, urgent));
  };
}

RelayTrouble lossy() {
  RelayTrouble trouble;
  trouble.loss = 0.02;
  trouble.duplicates = 0.05;
  trouble.seed = std::random_device{}();
  return trouble;
}

INSTANTIATE_TEST_SUITE_P(Wan, PathContract,
                         testing::Values(wan_lab_at("127.0.0.1:0")));
INSTANTIATE_TEST_SUITE_P(WanV6, PathContract,
                         testing::Values(wan_lab_at("[::1]:0")));
INSTANTIATE_TEST_SUITE_P(WanWithLoss, PathContract,
                         testing::Values(wan_lab_at("127.0.0.1:0", lossy())));
INSTANTIATE_TEST_SUITE_P(WanUrgent, PathContract,
                         testing::Values(wan_lab_at("127.0.0.1:0", {}, true)));
INSTANTIATE_TEST_SUITE_P(WanUrgentWithLoss, PathContract,
                         testing::Values(wan_lab_at("127.0.0.1:0", lossy(),
                                                    true)));

}  // namespace
}  // namespace causeway
