// A probe between the two verbs devices of the lab.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "engine/runtime/clock.h"
#include "engine/runtime/driver.h"
#include "rdma/probe/rdma_probe.h"
#include "rdma/rdma_path_listener.h"
#include "tests/rdma/rdma_lab.h"

namespace causeway {
namespace {

constexpr PathToken kToken{std::byte{7}};

class RdmaProbeTest : public testing::Test {
 protected:
  static RdmaOptions at(const std::string& address) {
    RdmaOptions options;
    options.timeout = std::chrono::seconds(20);
    options.device_addresses = {address + ":0"};
    return options;
  }

  // The target answers on a thread of its own until the source has gone.
  void open(const RdmaOptions& target, const RdmaOptions& source,
            Duration time) {
    auto listener = RdmaPathListener::listen("127.0.0.1:0", target).value();
    answering_ =
        std::thread([this, target, held = std::move(listener)]() mutable {
          address_.set_value(held.address());
          auto answer = held.accept_probe(kToken, target);
          ASSERT_TRUE(answer) << answer.error().message;
          Driver driver;
          driver.add(**answer);
          driver.run();
        });
    source_ = RdmaProbeSource::connect(address_.get_future().get(), kToken,
                                       source, time, 1ull << 40)
                  .value();
  }
  void TearDown() override {
    source_.reset();
    if (answering_.joinable()) answering_.join();
  }

  std::promise<std::string> address_;
  std::thread answering_;
  std::unique_ptr<RdmaProbeSource> source_;
};

TEST_F(RdmaProbeTest, HasAllFigures) {
  const auto [source, target] = RdmaLab::addresses();
  open(at(target), at(source), std::chrono::seconds(2));
  Driver driver;
  driver.add(*source_);
  driver.run();
  ASSERT_EQ(source_->trouble(), nullptr) << source_->trouble()->message;
  const RdmaProbeFigures figures = source_->figures();
  EXPECT_GT(figures.read.least, Duration(0));
  EXPECT_GE(figures.read.median, figures.read.least);
  EXPECT_GT(figures.write.least, Duration(0));
  EXPECT_GE(figures.write.median, figures.write.least);
  EXPECT_GT(figures.registration_bytes_s, 0);
  EXPECT_GT(figures.bytes, 1u << 20);
  EXPECT_GE(figures.time, std::chrono::milliseconds(1900));
  EXPECT_NEAR(figures.bytes_s * seconds(figures.time),
              static_cast<double>(figures.bytes), 1e-3 * figures.bytes_s);
  EXPECT_GT(figures.port_bits_s, 0u);
  EXPECT_GE(figures.mtu_bytes, 256u);
  EXPECT_GE(figures.mtu_bytes_max, figures.mtu_bytes);
}

TEST_F(RdmaProbeTest, ADeviceOfSixteenRequestsIsEnough) {
  const auto [source, target] = RdmaLab::addresses();
  RdmaOptions small = at(source);
  small.device_limits.queue_pair_requests = 16;
  open(at(target), small, std::chrono::seconds(1));
  Driver driver;
  driver.add(*source_);
  driver.run();
  EXPECT_EQ(source_->trouble(), nullptr);
  EXPECT_GT(source_->figures().bytes, 0u);
}

TEST_F(RdmaProbeTest, AFabricThatFallsSilentIsSaid) {
  const auto [source, target] = RdmaLab::addresses();
  open(at(target), at(source), std::chrono::seconds(30));
  Driver driver;
  // Silent once it flows.
  while (!source_->flows() && !source_->done()) source_->step(monotonic_now());
  RdmaLab::silence(true);
  driver.add(*source_);
  driver.run();
  RdmaLab::silence(false);
  ASSERT_NE(source_->trouble(), nullptr);
  EXPECT_EQ(source_->trouble()->code, ErrorCode::kConnectionLost);
}

}  // namespace
}  // namespace causeway
