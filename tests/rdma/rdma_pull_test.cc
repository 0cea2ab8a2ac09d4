// Pulls by RDMA READ on real verbs (tests/labs/rdma): both ends in one thread,
// so that the source moves when the test says so and not before.
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "engine/runtime/clock.h"
#include "rdma/rdma_pull.h"
#include "tests/rdma/guest_ram.h"
#include "tests/rdma/rdma_lab.h"

namespace causeway {
namespace {

constexpr uint64_t kMiB = 1u << 20;
constexpr uint64_t kPullBlocks = kRdmaPullBytesMax / kBlockBytes;
constexpr uint64_t kExtentBlocks = kRdmaExtentBytesMax / kBlockBytes;
constexpr auto kHung = std::chrono::seconds(30);

using Outcome = PullDone::Outcome;

class RdmaPullTest : public testing::Test {
 protected:
  void open(uint64_t bytes, uint64_t pinned_bytes_max = kRdmaPinnedBytesDefault,
            const DeviceLimits& device_limits = {}) {
    source_ = std::make_unique<GuestRam>(bytes);
    const auto [source, target] = RdmaLab::addresses();
    auto listener =
        RdmaPullListener::listen(options(target, device_limits)).value();
    RdmaOptions exposing = options(source, device_limits);
    exposing.stores = {source_->store.get()};
    exposing.pinned_bytes_max = pinned_bytes_max;
    std::thread connecting([&] {
      exposure_ = connect_exposure(listener.offer(), exposing).value();
    });
    puller_ = listener.accept(landing_).value();
    connecting.join();
  }
  static RdmaOptions options(const std::string& address,
                             const DeviceLimits& device_limits) {
    RdmaOptions options;
    options.device_addresses = {address + ":0"};
    options.device_limits = device_limits;
    options.timeout = std::chrono::seconds(20);
    return options;
  }

  // The landing memory is as many slots as there are pulls.
  std::span<std::byte> slot(uint64_t number, uint64_t blocks) {
    return std::span(landing_).subspan(
        number % kRdmaPullsMax * kRdmaPullBytesMax, blocks * kBlockBytes);
  }
  // Its tag is its place in pulls_.
  void post(uint64_t first, uint64_t blocks) {
    const uint64_t tag = pulls_.size();
    pulls_.push_back({tag, {0, first, blocks}, slot(tag, blocks)});
    std::ranges::fill(pulls_.back().into, std::byte{0xEE});
    const auto taken = puller_->post(std::span(&pulls_.back(), 1));
    ASSERT_TRUE(taken) << taken.error().message;
    ASSERT_EQ(*taken, 1u);
  }
  // Until all that was posted is over; the source's end moves if `served`.
  void finish(bool served) {
    const Instant begin = monotonic_now();
    while (over_.size() < pulls_.size()) {
      if (served) move_source();
      take_over();
      ASSERT_LT(monotonic_now() - begin, kHung) << "a pull is forgotten";
    }
  }
  void take_over() {
    std::array<PullDone, 16> done;
    const size_t count = puller_->poll(monotonic_now(), done);
    for (const PullDone& one : std::span(done).first(count)) {
      EXPECT_TRUE(over_.emplace(one.tag, one.outcome).second)
          << "pull " << one.tag << " is over twice";
    }
  }
  void move_source() {
    const auto moved = exposure_->poll();
    ASSERT_TRUE(moved) << moved.error().message;
  }
  // By pread(), which leaves holes as they are.
  bool landed_right(const Pull& pull) {
    std::vector<std::byte> there(pull.into.size());
    const auto offset = static_cast<off_t>(pull.blocks.first * kBlockBytes);
    EXPECT_EQ(::pread(source_->fd.get(), there.data(), there.size(), offset),
              static_cast<ssize_t>(there.size()));
    return over_.at(pull.tag) == Outcome::kLanded &&
           std::ranges::equal(there, pull.into);
  }
  // One, and what came.
  void pull(uint64_t first, uint64_t blocks, bool served = true) {
    post(first, blocks);
    finish(served);
    ASSERT_TRUE(landed_right(pulls_.back())) << first << "+" << blocks;
  }

  // Whether anything came.
  static bool sleep_on(const WaitSet& set) {
    std::vector<pollfd> fds;
    for (const auto& entry : set.entries()) {
      fds.push_back({entry.fd, entry.events, 0});
    }
    return ::poll(fds.data(), fds.size(), 10'000) > 0;
  }

  const uint64_t seed_ = std::random_device{}();
  testing::ScopedTrace trace_{__FILE__, __LINE__, std::to_string(seed_)};
  std::unique_ptr<GuestRam> source_;
  std::vector<std::byte> landing_ =
      std::vector<std::byte>(kRdmaPullsMax * kRdmaPullBytesMax);
  std::unique_ptr<RdmaExposure> exposure_;
  std::unique_ptr<RdmaPuller> puller_;
  std::vector<Pull> pulls_;
  std::map<uint64_t, Outcome> over_;
};

// The point of it: the source's thread stands still while a thousand pages go.
TEST_F(RdmaPullTest, TheSourceDoesNothingBetweenTheKeyAndTheReads) {
  open(2 * kMiB);
  source_->fill(0, kExtentBlocks, seed_);
  pull(7, 1);
  EXPECT_EQ(exposure_->questions(), 1u);
  for (uint64_t i = 0; i < 1000; ++i) {
    pull(i * 37 % kExtentBlocks, 1, /*served=*/false);
    if (HasFatalFailure()) return;
  }
  EXPECT_EQ(puller_->questions(), 1u);
  while (exposure_->poll().value()) continue;
  EXPECT_EQ(exposure_->questions(), 1u);
}

// Whatever lies where, many at a time: what is there comes, holes are zeros and
// stay holes.
TEST_F(RdmaPullTest, WhatIsThereComesAndHolesStayHoles) {
  constexpr uint64_t kBlocks = 16 * kMiB / kBlockBytes;
  open(16 * kMiB);
  std::mt19937_64 random(seed_);
  for (uint64_t at = 0; at < kBlocks;) {
    const uint64_t run = std::min(1 + random() % 200, kBlocks - at);
    if (random() % 2 == 0) source_->fill(at, run, random());
    at += run;
  }
  const uint64_t allocated = source_->allocated_bytes();
  for (int round = 0; round < 8; ++round) {
    const size_t first = pulls_.size();
    for (uint32_t i = 0; i < kRdmaPullsMax; ++i) {
      const uint64_t blocks = 1 + random() % kPullBlocks;
      post(random() % (kBlocks - blocks), blocks);
      if (HasFatalFailure()) return;
    }
    // Full: not an error.
    EXPECT_EQ(puller_->post(std::span(&pulls_[0], 1)).value(), 0u);
    finish(true);
    ASSERT_FALSE(HasFatalFailure());
    for (size_t i = first; i < pulls_.size(); ++i) {
      EXPECT_TRUE(landed_right(pulls_[i])) << i;
    }
    EXPECT_EQ(source_->allocated_bytes(), allocated);
  }
}

TEST_F(RdmaPullTest, AHoleCostsOneQuestionForItsRun) {
  open(4 * kMiB);
  source_->fill(0, 1, seed_);
  source_->fill(kExtentBlocks - 1, 1, seed_ + 1);
  const uint64_t allocated = source_->allocated_bytes();
  for (uint64_t block = 1; block < kExtentBlocks - 1; ++block) {
    post(block, 1);
    finish(block == 1);
    ASSERT_FALSE(HasFatalFailure());
    ASSERT_TRUE(landed_right(pulls_.back())) << block;
  }
  EXPECT_EQ(puller_->questions(), 1u);
  EXPECT_EQ(source_->allocated_bytes(), allocated);
  EXPECT_EQ(exposure_->pinned_bytes(), 0u);
}

// Across the borders of extents, and of data and holes, one pull is several
// READs.
TEST_F(RdmaPullTest, APullMayCrossWhatIsLent) {
  open(4 * kMiB);
  source_->fill(0, 2 * kExtentBlocks, seed_);
  pull(kExtentBlocks - kPullBlocks / 2, kPullBlocks);
  EXPECT_EQ(puller_->questions(), 2u);
  EXPECT_EQ(exposure_->pinned_bytes(), 4 * kMiB);
}

TEST_F(RdmaPullTest, NoMoreThanTheLimitIsExposed) {
  constexpr uint64_t kBytes = 24 * kMiB;
  open(kBytes, kRdmaPinnedBytesMin);
  source_->fill(0, kBytes / kBlockBytes, seed_);
  std::mt19937_64 random(seed_);
  for (int round = 0; round < 4; ++round) {
    const size_t first = pulls_.size();
    for (uint32_t i = 0; i < kRdmaPullsMax; ++i) {
      post(random() % (kBytes / kBlockBytes), 1);
      if (HasFatalFailure()) return;
    }
    finish(true);
    ASSERT_FALSE(HasFatalFailure());
    for (size_t i = first; i < pulls_.size(); ++i) {
      EXPECT_TRUE(landed_right(pulls_[i])) << i;
    }
  }
  EXPECT_EQ(exposure_->pinned_bytes_most(), kRdmaPinnedBytesMin);
}

// A source that cannot lend that much says so, and goes on with the rest.
TEST_F(RdmaPullTest, WhatCannotBeLentIsRefusedAlone) {
  open(4 * kMiB, /*pinned_bytes_max=*/kMiB);
  source_->fill(0, kExtentBlocks, seed_);
  source_->fill(kExtentBlocks + 8, 8, seed_ + 1);
  pull(kExtentBlocks + 8, 4);
  post(5, 1);
  post(9, 2);
  finish(true);
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_EQ(over_.at(1), Outcome::kRefused);
  EXPECT_EQ(over_.at(2), Outcome::kRefused);
  EXPECT_FALSE(puller_->broken());
  pull(kExtentBlocks + 10, 4);
}

TEST_F(RdmaPullTest, ATinyDeviceIsEnough) {
  DeviceLimits tiny;
  tiny.queue_pair_requests = 16;
  tiny.registration_bytes = 64u << 20;
  tiny.reads = 1;
  open(8 * kMiB, kRdmaPinnedBytesDefault, tiny);
  source_->fill(0, 8 * kMiB / kBlockBytes, seed_);
  for (uint32_t i = 0; i < kRdmaPullsMax; ++i) {
    post(i * 31, kPullBlocks);
    if (HasFatalFailure()) return;
  }
  finish(true);
  ASSERT_FALSE(HasFatalFailure());
  for (const Pull& one : pulls_) EXPECT_TRUE(landed_right(one)) << one.tag;
}

TEST_F(RdmaPullTest, WhenTheFabricIsSilentEveryPullIsReportedLost) {
  open(8 * kMiB);
  source_->fill(0, 8 * kMiB / kBlockBytes, seed_);
  pull(0, 1);
  RdmaLab::silence(true);
  // Some read what is lent, some ask for what is not.
  for (uint32_t i = 0; i < kRdmaPullsMax; ++i) {
    post(i * 31, 1);
    if (HasFatalFailure()) break;
  }
  finish(false);
  RdmaLab::silence(false);
  ASSERT_FALSE(HasFatalFailure());
  for (uint64_t tag = 1; tag < pulls_.size(); ++tag) {
    EXPECT_EQ(over_.at(tag), Outcome::kLost) << tag;
  }
  ASSERT_TRUE(puller_->broken());
  EXPECT_EQ(puller_->broken()->code, ErrorCode::kConnectionLost);
  const auto after = puller_->post(std::span(&pulls_[0], 1));
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code, ErrorCode::kConnectionLost);
}

// The source takes its memory back at any moment: no key is good after that.
TEST_F(RdmaPullTest, WhenTheSourceWithdrawsPullsAreLost) {
  open(4 * kMiB);
  source_->fill(0, kExtentBlocks, seed_);
  pull(0, 1);
  exposure_->withdraw();
  EXPECT_EQ(exposure_->pinned_bytes(), 0u);
  post(1, 1);
  post(kExtentBlocks, 1);
  finish(false);
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_EQ(over_.at(1), Outcome::kLost);
  EXPECT_EQ(over_.at(2), Outcome::kLost);
}

TEST_F(RdmaPullTest, WhenTheTargetEndsNothingStaysLent) {
  open(4 * kMiB);
  source_->fill(0, kExtentBlocks, seed_);
  pull(0, 1);
  EXPECT_EQ(exposure_->pinned_bytes(), 2 * kMiB);
  puller_.reset();
  const Instant begin = monotonic_now();
  Result<bool> moved = true;
  while ((moved = exposure_->poll())) {
    ASSERT_LT(monotonic_now() - begin, kHung);
  }
  EXPECT_EQ(moved.error().code, ErrorCode::kConnectionLost);
  EXPECT_EQ(exposure_->pinned_bytes(), 0u);
}

// Asleep until something comes, as a mover has it.
TEST_F(RdmaPullTest, BothEndsMaySleep) {
  open(8 * kMiB);
  source_->fill(0, 8 * kMiB / kBlockBytes, seed_);
  for (uint32_t i = 0; i < 32; ++i) {
    post(i * 61, 1);
    if (HasFatalFailure()) return;
    while (over_.size() < pulls_.size()) {
      const bool moved = exposure_->poll().value();
      puller_->arm();
      const size_t before = over_.size();
      take_over();
      if (moved || over_.size() > before) continue;
      WaitSet set;
      const Instant until =
          std::min(exposure_->wait_on(set), puller_->wait_on(set));
      ASSERT_NE(until, kNever);
      ASSERT_TRUE(sleep_on(set)) << "nothing came";
    }
    ASSERT_TRUE(landed_right(pulls_.back())) << i;
  }
}

}  // namespace
}  // namespace causeway
