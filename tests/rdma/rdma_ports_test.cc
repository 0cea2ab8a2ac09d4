// Several verbs devices at once, and what becomes of those that are not there.
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "rdma/rdma_connector.h"
#include "rdma/rdma_path_listener.h"
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
                        const std::vector<std::string>& target) {
    RdmaOptions options;
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
  ASSERT_EQ(path->devices.size(), 2u);
  EXPECT_NE(path->devices[0], path->devices[1]);
  EXPECT_NE(inbound_, nullptr);
}

TEST_F(RdmaPortsTest, ADeviceThatTheTargetHasNotIsLeftOut) {
  const auto path = meet({other_, one_}, {kNowhere, other_});
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(std::set(path->devices.begin(), path->devices.end()).size(), 1u);
}

TEST_F(RdmaPortsTest, ADeviceThatTheSourceHasNotIsLeftOut) {
  const auto path = meet({kNowhere, one_}, {other_, other_});
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(std::set(path->devices.begin(), path->devices.end()).size(), 1u);
}

TEST_F(RdmaPortsTest, EndsThatSpeakOfOtherFabricsAreRefused) {
  const auto path = meet({one_}, {other_, one_});
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().code, ErrorCode::kIncompatible);
}

}  // namespace
}  // namespace causeway
