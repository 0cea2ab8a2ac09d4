// The rdma path with guest RAM registered at both ends (tests/labs/rdma):
// WRITEs in place, holes, the limit on what is pinned, and what happens when
// the connection goes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <chrono>
#include <thread>

#include "rdma/rdma_connector.h"
#include "tests/rdma/rdma_run.h"

namespace causeway {
namespace {

using testing::HasSubstr;

using RdmaPathTest = RdmaRunTest;

TEST_F(RdmaPathTest, BlocksAreWrittenInPlaceWithoutACopy) {
  open(16 * kMiB, kRdmaPinnedBytesDefault);
  source_->fill(0, 16 * kMiB / kBlockBytes, seed_);
  post_all(0, 16 * kMiB / kBlockBytes, 1);
  fence();
  expect_same();
  EXPECT_EQ(sink_->copied_bytes, 0u);
  EXPECT_EQ(sink_->blocks, 16 * kMiB / kBlockBytes);
  // Again, with other content.
  source_->fill(100, 1000, seed_ + 1);
  post_all(100, 1000, 2);
  fence();
  expect_same();
  EXPECT_EQ(sink_->copied_bytes, 0u);
}

TEST_F(RdmaPathTest, HolesStayHoles) {
  open(64 * kMiB, kRdmaPinnedBytesDefault);
  uint64_t filled = 0;
  for (uint64_t first = 3; first < 64 * kMiB / kBlockBytes; first += 700) {
    source_->fill(first, 5, seed_ + first);
    post(source_->put(first, 5));
    filled += 5 * kBlockBytes;
  }
  fence();
  EXPECT_EQ(source_->allocated_bytes(), filled);
  EXPECT_EQ(target_->allocated_bytes(), filled);
  EXPECT_EQ(sink_->copied_bytes, 0u);
  expect_same();
}

// A hole of an extent that is registered already fills.
TEST_F(RdmaPathTest, AHoleThatFillsIsRegisteredWhenItIsSent) {
  open(4 * kMiB, kRdmaPinnedBytesDefault);
  source_->fill(0, 10, seed_);
  source_->fill(20, 10, seed_ + 1);
  post(source_->put(0, 10));
  post(source_->put(20, 10));
  fence();
  source_->fill(10, 10, seed_ + 2);
  post(source_->put(0, 30, 2));
  fence();
  expect_same();
  EXPECT_EQ(sink_->copied_bytes, 0u);
}

TEST_F(RdmaPathTest, NoMoreThanTheLimitIsEverPinned) {
  constexpr uint64_t kBytes = 24 * kMiB;
  open(kBytes, kRdmaPinnedBytesMin);
  source_->fill(0, kBytes / kBlockBytes, seed_);
  for (Version version = 1; version <= 2; ++version) {
    post_all(0, kBytes / kBlockBytes, version);
    fence();
  }
  expect_same();
  EXPECT_EQ(sink_->copied_bytes, 0u);
}

TEST_F(RdmaPathTest, WithdrawnNothingIsWrittenAndTheRestComesByTheStream) {
  open(8 * kMiB, kRdmaPinnedBytesDefault);
  source_->fill(0, 8 * kMiB / kBlockBytes, seed_);
  post_all(0, 4 * kMiB / kBlockBytes, 1);
  fence();
  ASSERT_TRUE(receiver_->withdraw());
  post_all(4 * kMiB / kBlockBytes, 4 * kMiB / kBlockBytes, 1);
  fence();
  expect_same();
  EXPECT_EQ(sink_->copied_bytes, 4 * kMiB);
}

// What had not landed goes again, by the stream; nothing twice in mid-air.
TEST_F(RdmaPathTest, AConnectionThatBreaksIsReplacedByTheStream) {
  open(32 * kMiB, kRdmaPinnedBytesDefault);
  source_->fill(0, 32 * kMiB / kBlockBytes, seed_);
  post_all(0, 4 * kMiB / kBlockBytes, 1);
  fence();
  lab_->silence(true);
  post_all(4 * kMiB / kBlockBytes, 28 * kMiB / kBlockBytes, 1);
  fence();
  lab_->silence(false);
  expect_same();
  EXPECT_GE(sink_->copied_bytes, 20 * kMiB);
}

// As a sender sleeps: polled when its own descriptors or its time say so, not
// when the other end has moved. More puts than a stream has frames in flight.
TEST_F(RdmaPathTest, AReplayNeedsNobodyToWakeIt) {
  open(4 * kMiB, kRdmaPinnedBytesDefault);
  source_->fill(0, 1, seed_);
  post(source_->put(0, 1));
  fence();
  lab_->silence(true);
  constexpr uint32_t kPuts = 600;
  for (uint32_t i = 1; i <= kPuts; ++i) {
    const Put zero{{PutKind::kZero, 0, 1, i, 1, 0}, {}};
    ASSERT_EQ(channel_->post(std::span(&zero, 1)).value(), 1u);
  }
  ASSERT_TRUE(channel_->post_fence(++fence_).value());
  ASSERT_TRUE(channel_->poll(lab_->now()));
  FenceId landed = 0;
  const Instant hung = lab_->now() + std::chrono::seconds(20);
  while (landed < fence_ && lab_->now() < hung) {
    WaitSet set;
    const Instant until = channel_->wait_on(set);
    if (lab_->is_ready(set) || lab_->now() >= until) {
      const auto progress = channel_->poll(lab_->now());
      ASSERT_TRUE(progress) << progress.error().message;
      landed = progress->fence_landed;
    }
    ASSERT_TRUE(receiver_->poll(lab_->now()));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  lab_->silence(false);
  EXPECT_EQ(landed, fence_);
  EXPECT_EQ(sink_->blocks, kPuts + 1);
}

// A second is within a queue pair's retries.
TEST_F(RdmaPathTest, AShortSilenceIsBridged) {
  open(16 * kMiB, kRdmaPinnedBytesDefault);
  source_->fill(0, 16 * kMiB / kBlockBytes, seed_);
  post_all(0, 4 * kMiB / kBlockBytes, 1);
  lab_->silence(true);
  std::thread later([] {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    RdmaLab::silence(false);
  });
  post_all(4 * kMiB / kBlockBytes, 12 * kMiB / kBlockBytes, 1);
  fence();
  later.join();
  expect_same();
  EXPECT_EQ(sink_->copied_bytes, 0u);
}

// As a process that may not pin what it likes: path_job starts these so.
class RdmaMemlockTest : public RdmaPathTest {
 protected:
  void SetUp() override {
    __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct sets[2] = {};
    ASSERT_EQ(::syscall(SYS_capget, &head, sets), 0);
    if ((sets[0].effective & 1u << CAP_IPC_LOCK) != 0) {
      GTEST_SKIP() << "this process has CAP_IPC_LOCK and may pin all";
    }
    ASSERT_EQ(::getrlimit(RLIMIT_MEMLOCK, &before_), 0);
  }
  void TearDown() override { ::setrlimit(RLIMIT_MEMLOCK, &before_); }
  void set_limit(uint64_t bytes) {
    const rlimit less{bytes, before_.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_MEMLOCK, &less), 0) << before_.rlim_max;
  }
  rlimit before_{};
};

// The rings and some extents fit; the rest goes by the ring, and all arrives.
TEST_F(RdmaMemlockTest, WhatMayNotBePinnedIsCopied) {
  // Both ends are this process: rings of 2.3 MiB, what the source pins, 4 MiB,
  // and 2 MiB of the target's.
  set_limit(9 * kMiB);
  constexpr uint64_t kBytes = 24 * kMiB;
  open(kBytes, kRdmaPinnedBytesMin);
  source_->fill(0, kBytes / kBlockBytes, seed_);
  post_all(0, kBytes / kBlockBytes, 1);
  fence();
  expect_same();
  EXPECT_GT(sink_->copied_bytes, 0u);
  EXPECT_LT(sink_->copied_bytes, kBytes);
}

TEST_F(RdmaMemlockTest, WhatToSetIsSaidWhenNothingMayBePinned) {
  const auto [source, target] = RdmaLab::addresses();
  RdmaOptions options;
  options.timeout = std::chrono::seconds(10);
  options.device_addresses = {target + ":0"};
  auto listener = RdmaPathListener::listen("127.0.0.1:0", options).value();
  set_limit(4096);
  std::thread accepting(
      [&] { EXPECT_FALSE(listener.accept(PathToken{}, options)); });
  RdmaOptions theirs = options;
  theirs.device_addresses = {source + ":0"};
  const auto path = RdmaConnector::connect(listener.address(), {}, theirs);
  accepting.join();
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().code, ErrorCode::kNoSpace);
  EXPECT_THAT(path.error().message, HasSubstr("LimitMEMLOCK"));
}

TEST_F(RdmaMemlockTest, WhereTcpWillDoItIsTcpThatMayPinNothing) {
  const auto [source, target] = RdmaLab::addresses();
  RdmaOptions options;
  options.required = false;
  options.timeout = std::chrono::seconds(10);
  options.device_addresses = {target + ":0"};
  auto listener = RdmaPathListener::listen("127.0.0.1:0", options).value();
  set_limit(4096);
  std::unique_ptr<InboundPath> inbound;
  std::thread accepting(
      [&] { inbound = listener.accept(PathToken{}, options).value(); });
  RdmaOptions theirs = options;
  theirs.device_addresses = {source + ":0"};
  const auto path = RdmaConnector::connect(listener.address(), {}, theirs);
  accepting.join();
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(path->path->name(), "tcp");
  EXPECT_THAT(path->why_not, HasSubstr("LimitMEMLOCK"));
  EXPECT_NE(inbound, nullptr);
}

}  // namespace
}  // namespace causeway
