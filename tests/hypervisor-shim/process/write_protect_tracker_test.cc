// The write-protect tracker on a plain mapping: the ranges it reports, holes,
// restarts. The contract with a running guest is in tests/contract.
#include "hypervisor-shim/process/write_protect_tracker.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <random>
#include <vector>

#include "engine/guest/region.h"

namespace causeway::process {
namespace {

constexpr uint64_t kBlocks = 8192;

class WriteProtectTrackerTest : public testing::Test {
 protected:
  void SetUp() override {
    fd_ = UniqueFd(::memfd_create("tracked", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(fd_.get(), kBlocks * kBlockBytes), 0);
    void* at = ::mmap(nullptr, kBlocks * kBlockBytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED, fd_.get(), 0);
    ASSERT_NE(at, MAP_FAILED);
    memory_ = static_cast<std::byte*>(at);
    auto tracker =
        WriteProtectTracker::create({memory_, kBlocks * kBlockBytes});
    if (!tracker) GTEST_SKIP() << tracker.error().message;
    tracker_.emplace(std::move(*tracker));
  }
  void TearDown() override {
    tracker_.reset();
    if (memory_ != nullptr) ::munmap(memory_, kBlocks * kBlockBytes);
  }

  void write(uint64_t block) {
    volatile std::byte* at = memory_ + block * kBlockBytes;
    *at = std::byte{1};
  }
  // What one collect reports.
  std::vector<BitRun> collect() {
    Bitmap bitmap(kBlocks);
    const Status collected = tracker_->collect(bitmap.view());
    EXPECT_TRUE(collected) << collected.error().message;
    std::vector<BitRun> runs;
    uint64_t from = 0;
    while (const auto run = bitmap.view().next_run(from, kBlocks)) {
      runs.push_back(*run);
      from = run->end();
    }
    return runs;
  }
  using Runs = std::vector<BitRun>;

  UniqueFd fd_;
  std::byte* memory_ = nullptr;
  std::optional<WriteProtectTracker> tracker_;
};

TEST_F(WriteProtectTrackerTest, ReportsWritesOnceAndAgain) {
  write(5);
  write(6);
  ASSERT_TRUE(tracker_->start());
  EXPECT_EQ(collect(), Runs{});
  write(6);
  write(7);  // a hole
  write(100);
  EXPECT_EQ(collect(), (Runs{{6, 2}, {100, 1}}));
  EXPECT_EQ(collect(), Runs{});
  write(7);
  EXPECT_EQ(collect(), (Runs{{7, 1}}));
  ASSERT_TRUE(tracker_->stop());
}

TEST_F(WriteProtectTrackerTest, FirstAndLastBlock) {
  ASSERT_TRUE(tracker_->start());
  write(0);
  write(kBlocks - 1);
  EXPECT_EQ(collect(), (Runs{{0, 1}, {kBlocks - 1, 1}}));
}

TEST_F(WriteProtectTrackerTest, MoreRangesThanOneScanTakes) {
  for (uint64_t block = 0; block < kBlocks; block += 2) write(block);
  ASSERT_TRUE(tracker_->start());
  EXPECT_EQ(collect(), Runs{});
  for (uint64_t block = 0; block < kBlocks; block += 2) write(block);
  const Runs runs = collect();
  ASSERT_EQ(runs.size(), kBlocks / 2);
  for (uint64_t i = 0; i < runs.size(); ++i)
    ASSERT_EQ(runs[i], (BitRun{2 * i, 1}));
}

TEST_F(WriteProtectTrackerTest, StopAndStartAgain) {
  ASSERT_TRUE(tracker_->start());
  write(3);
  ASSERT_TRUE(tracker_->stop());
  write(4);
  ASSERT_TRUE(tracker_->start());
  EXPECT_EQ(collect(), Runs{});
  write(4);
  EXPECT_EQ(collect(), (Runs{{4, 1}}));
  ASSERT_TRUE(tracker_->stop());
}

TEST_F(WriteProtectTrackerTest, HolesStayHoles) {
  ASSERT_TRUE(tracker_->start());
  write(9);
  collect();
  struct stat info {};
  ASSERT_EQ(::fstat(fd_.get(), &info), 0);
  EXPECT_EQ(info.st_blocks * 512, static_cast<blkcnt_t>(kBlockBytes));
  ASSERT_TRUE(tracker_->stop());
}

TEST_F(WriteProtectTrackerTest, KeepsWhatTheBitmapHolds) {
  ASSERT_TRUE(tracker_->start());
  write(1);
  Bitmap bitmap(kBlocks);
  bitmap.view().set(2);
  ASSERT_TRUE(tracker_->collect(bitmap.view()));
  EXPECT_EQ(bitmap.view().count(), 2u);
  EXPECT_TRUE(bitmap.view().test(1));
  EXPECT_TRUE(bitmap.view().test(2));
}

TEST_F(WriteProtectTrackerTest, RandomWritesAreReportedExactly) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  ASSERT_TRUE(tracker_->start());
  for (int round = 0; round < 50; ++round) {
    Bitmap expected(kBlocks);
    for (unsigned i = random() % 300; i > 0; --i) {
      const uint64_t block = random() % kBlocks;
      write(block);
      expected.view().set(block);
    }
    Bitmap reported(kBlocks);
    ASSERT_TRUE(tracker_->collect(reported.view()));
    for (uint64_t block = 0; block < kBlocks; ++block) {
      ASSERT_EQ(reported.view().test(block), expected.view().test(block))
          << "block " << block << " in round " << round;
    }
  }
}

}  // namespace
}  // namespace causeway::process
