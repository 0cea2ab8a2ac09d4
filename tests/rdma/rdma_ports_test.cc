// Several verbs devices at once, and what becomes of those that are not there.
#include <gtest/gtest.h>

#include <thread>

#include "engine/runtime/clock.h"
#include "rdma/rdma_connector.h"
#include "rdma/rdma_path_listener.h"
#include "rdma/rdma_ports.h"
#include "tests/rdma/rdma_lab.h"

namespace causeway {
namespace {

constexpr PathToken kToken{std::byte{8}};
constexpr const char* kNowhere = "192.0.2.1:0";  // RFC 5737: nobody has it

class RdmaPortsTest : public testing::Test {
 protected:
  RdmaPortsTest() {
    std::tie(one_, other_) = RdmaLab::addresses();
    one_ += ":0";
    other_ += ":0";
  }

  // A path of two workers from the one end's devices to the other's.
  Result<RdmaPath> meet(const std::vector<std::string>& source,
                        const std::vector<std::string>& target,
                        bool required = true) {
    RdmaOptions options;
    options.required = required;
    options.streams = 2;
    options.timeout = std::chrono::seconds(20);
    options.device_addresses = target;
    auto listener = RdmaPathListener::listen("127.0.0.1:0", options).value();
    std::thread accepting([&] {
      auto accepted = listener.accept(kToken, options);
      if (accepted) inbound_ = std::move(accepted).value();
    });
    RdmaOptions theirs = options;
    theirs.device_addresses = source;
    auto path = RdmaConnector::connect(listener.address(), kToken, theirs);
    accepting.join();
    return path;
  }

  std::string one_;
  std::string other_;
  std::unique_ptr<InboundPath> inbound_;
};

TEST_F(RdmaPortsTest, WorkersTakeTurns) {
  const auto path = meet({one_, other_}, {other_, one_});
  ASSERT_TRUE(path) << path.error().message;
  ASSERT_EQ(path->routes.size(), 2u);
  EXPECT_NE(path->routes[0].device, path->routes[1].device);
  EXPECT_EQ(path->routes[0].fabric, 0u);
  EXPECT_EQ(path->routes[1].fabric, 1u);
  EXPECT_NE(inbound_, nullptr);
}

TEST_F(RdmaPortsTest, ADeviceThatTheTargetHasNotIsLeftOut) {
  const auto path = meet({other_, one_}, {kNowhere, other_});
  ASSERT_TRUE(path) << path.error().message;
  for (const RdmaRoute& route : path->routes) EXPECT_EQ(route.fabric, 1u);
}

TEST_F(RdmaPortsTest, ADeviceThatTheSourceHasNotIsLeftOut) {
  const auto path = meet({kNowhere, one_}, {other_, other_});
  ASSERT_TRUE(path) << path.error().message;
  for (const RdmaRoute& route : path->routes) EXPECT_EQ(route.fabric, 1u);
}

// Who listens there is there, and nothing arrives.
TEST_F(RdmaPortsTest, AFabricThatSwallowsAllLeavesTimeForTcp) {
  RdmaLab::silence(true);
  const Instant begin = monotonic_now();
  const auto path = meet({one_}, {other_}, /*required=*/false);
  RdmaLab::silence(false);
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(path->path->name(), "tcp");
  EXPECT_NE(path->why_not, "");
  EXPECT_NE(inbound_, nullptr);
  EXPECT_LT(monotonic_now() - begin, 2 * kRdmaConnectMax);
}

TEST_F(RdmaPortsTest, NoNameIsLookedUpForAPeer) {
  RdmaOptions ours;
  ours.device_addresses = {one_, one_};
  const RdmaOffer offer{2, {}, {"localhost:1", other_}};
  auto ports = RdmaPorts::between(ours, offer).value();
  const auto met = ports.connect(
      0, [](const RdmaPorts::Port& port, Duration) -> Result<size_t> {
        return port.fabric;
      });
  EXPECT_EQ(met.value(), 1u);
  EXPECT_FALSE(RdmaPorts::between(ours, {2, {}, {"localhost:1", ""}}));
}

TEST_F(RdmaPortsTest, EndsThatSpeakOfOtherFabricsAreRefused) {
  const auto path = meet({one_}, {other_, one_});
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().code, ErrorCode::kIncompatible);
}

}  // namespace
}  // namespace causeway
