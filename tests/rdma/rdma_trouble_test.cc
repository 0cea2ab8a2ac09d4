// What a device does to a run (tests/labs/rdma): it registers no more, its port
// goes down, it is taken away. All arrives all the same, and once the path is
// gone nothing is pinned.
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "engine/base/unique_fd.h"
#include "rdma/verbs/rendezvous.h"
#include "tests/rdma/failing_registrations.h"
#include "tests/rdma/rdma_run.h"

namespace causeway {
namespace {

using End = FailingRegistrations::End;

constexpr uint64_t kBytes = 16 * kMiB;
constexpr uint64_t kBlocks = kBytes / kBlockBytes;
constexpr uint64_t kExtentBlocks = kRdmaExtentBytesMax / kBlockBytes;
constexpr uint32_t kExtents = kBytes / kRdmaExtentBytesMax;

struct Refusal {
  const char* name;
  End end;
  uint32_t first;
  uint32_t count;
  bool tiny;  // sixteen requests, and no more than 64 MiB a registration
};

class RdmaRefusalTest : public RdmaRunTest,
                        public testing::WithParamInterface<Refusal> {};

// What is refused goes by the ring, and nothing else does. It is asked for
// once.
TEST_P(RdmaRefusalTest, WhatIsNotRegisteredIsCopied) {
  const Refusal& refusal = GetParam();
  DeviceLimits limits;
  if (refusal.tiny) {
    limits.queue_pair_requests = 16;
    limits.registration_bytes = 64 * kMiB;
  }
  open(kBytes, kRdmaPinnedBytesDefault, limits);
  const FailingRegistrations failing(refusal.end, refusal.first, refusal.count);
  for (Version version = 1; version <= 2; ++version) {
    source_->fill(0, kBlocks, seed_ + version);
    post_all(0, kBlocks, version);
    fence();
    expect_same();
    EXPECT_EQ(failing.refused(), refusal.count);
    EXPECT_EQ(sink_->copied_bytes,
              version * refusal.count * kRdmaExtentBytesMax);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Rdma, RdmaRefusalTest,
    testing::Values(
        Refusal{"FirstOfSource", End::kSource, 1, 1, false},
        Refusal{"ThirdOfSource", End::kSource, 3, 1, false},
        Refusal{"AllButTwoOfSource", End::kSource, 3, kExtents - 2, false},
        Refusal{"ThirdOfTarget", End::kTarget, 3, 1, false},
        Refusal{"AllButTwoOfTarget", End::kTarget, 3, kExtents - 2, false},
        Refusal{"AllOfTarget", End::kTarget, 1, kExtents, false},
        Refusal{"NoneOfTinyDevice", End::kSource, 1, 0, true},
        Refusal{"ThirdOfTinySource", End::kSource, 3, 1, true},
        Refusal{"AllButTwoOfTinyTarget", End::kTarget, 3, kExtents - 2, true}),
    [](const auto& refusal) { return std::string(refusal.param.name); });

// Both ends are this process.
uint64_t pinned_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmPin:")) return std::stoull(line.substr(6)) << 10;
  }
  ADD_FAILURE() << "/proc/self/status has no VmPin";
  return 0;
}

// The devices are as new after it; who unplugs one is the last thing that its
// process does: it has the device open until it ends (path_job).
class RdmaHardwareTest : public RdmaRunTest {
 protected:
  static void hardware(const std::string& what) {
    const char* command = std::getenv("CAUSEWAY_RDMA_HARDWARE");
    ASSERT_NE(command, nullptr) << "start it by tests/labs/rdma/run";
    ASSERT_EQ(std::system((std::string(command) + " " + what).c_str()), 0);
  }

  // In the middle of a run; what had landed by a fence is not sent again.
  void run_through(const std::string& trouble) {
    open(2 * kBytes, kRdmaPinnedBytesDefault);
    source_->fill(0, 2 * kBlocks, seed_);
    post_all(0, kBlocks, 1);
    fence();
    EXPECT_EQ(sink_->copied_bytes, 0u);
    EXPECT_GE(pinned_bytes(), 2 * kBytes) << "at both ends";
    hardware(trouble);
    const Instant begin = lab_->now();
    post_all(kBlocks, kBlocks, 1);
    fence();
    expect_same();
    printf("%.1f of %.1f MiB came by the stream; all of it in %.1f s\n",
           static_cast<double>(sink_->copied_bytes) / kMiB,
           static_cast<double>(kBytes) / kMiB, seconds(lab_->now() - begin));
    EXPECT_LE(sink_->copied_bytes, kBytes);
    // What comes next does not come by the device.
    const uint64_t copied = sink_->copied_bytes;
    source_->fill(0, kExtentBlocks, seed_ + 1);
    post_all(0, kExtentBlocks, 2);
    fence();
    expect_same();
    EXPECT_EQ(sink_->copied_bytes, copied + kRdmaExtentBytesMax);
    channel_.reset();
    receiver_.reset();
    lab_.reset();
    EXPECT_EQ(pinned_bytes(), 0u);
  }
};

TEST_F(RdmaHardwareTest, APortThatGoesDown) { run_through("down"); }

TEST_F(RdmaHardwareTest, ASourceWhoseDeviceIsTakenAway) {
  run_through("unplug " + RdmaLab::addresses().first);
}

TEST_F(RdmaHardwareTest, ATargetWhoseDeviceIsTakenAway) {
  run_through("unplug " + RdmaLab::addresses().second);
}

// Nobody waits for a source that cannot come.
TEST_F(RdmaHardwareTest, AListenerWhoseDeviceIsTakenAway) {
  const std::string address = RdmaLab::addresses().second;
  RdmaListener listener = RdmaListener::listen({address + ":0"}).value();
  hardware("unplug " + address);
  const UniqueFd never(::eventfd(0, EFD_CLOEXEC));
  const auto come = listener.await(RdmaSecret{}, 0, {}, never.get(),
                                   Deadline(std::chrono::seconds(20)));
  ASSERT_FALSE(come);
  EXPECT_EQ(come.error().code, ErrorCode::kUnreachable) << come.error().message;
}

// It goes on listening at the other: until its time is over.
TEST_F(RdmaHardwareTest, AListenerThatLosesOneOfTwoDevices) {
  const auto [source, target] = RdmaLab::addresses();
  RdmaListener listener =
      RdmaListener::listen({target + ":0", source + ":0"}).value();
  hardware("unplug " + target);
  const UniqueFd never(::eventfd(0, EFD_CLOEXEC));
  const auto come = listener.await(RdmaSecret{}, 0, {}, never.get(),
                                   Deadline(std::chrono::seconds(3)));
  ASSERT_FALSE(come);
  EXPECT_EQ(come.error().code, ErrorCode::kTimeout) << come.error().message;
  EXPECT_EQ(listener.addresses()[0], "");
  EXPECT_NE(listener.addresses()[1], "");
}

}  // namespace
}  // namespace causeway
