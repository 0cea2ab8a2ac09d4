#include "engine/base/bitmap.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <vector>

namespace causeway {
namespace {

TEST(Bitmap, SetsAndClearsRangesAcrossWords) {
  Bitmap bitmap(200);
  const BitmapView bits = bitmap.view();
  bits.set_range(60, 70);
  EXPECT_EQ(bits.count(), 70u);
  EXPECT_FALSE(bits.test(59));
  EXPECT_TRUE(bits.test(60));
  EXPECT_TRUE(bits.test(129));
  EXPECT_FALSE(bits.test(130));
  bits.clear_range(64, 64);
  EXPECT_EQ(bits.count(), 6u);
  EXPECT_EQ(bits.count(128, 72), 2u);
}

TEST(Bitmap, NextRunIsCutAtEndAndAtLongest) {
  Bitmap bitmap(300);
  const BitmapView bits = bitmap.view();
  bits.set_range(10, 250);
  EXPECT_EQ(*bits.next_run(0, 300), (BitRun{10, 250}));
  EXPECT_EQ(*bits.next_run(0, 100), (BitRun{10, 90}));
  EXPECT_EQ(*bits.next_run(50, 300, 16), (BitRun{50, 16}));
  EXPECT_FALSE(bits.next_run(260, 300).has_value());
  EXPECT_FALSE(bits.next_run(0, 10).has_value());
}

TEST(Bitmap, RunsAgreeWithAPlainVector) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    const uint64_t size = 1 + random() % 3000;
    Bitmap bitmap(size);
    std::vector<bool> plain(size);
    for (int i = 0; i < 20; ++i) {
      const uint64_t first = random() % size;
      const uint64_t count = random() % (size - first + 1);
      const bool set = random() % 3 != 0;
      if (set) bitmap.view().set_range(first, count);
      if (!set) bitmap.view().clear_range(first, count);
      std::fill_n(plain.begin() + first, count, set);
    }
    std::vector<bool> walked(size);
    for (uint64_t at = 0;;) {
      const auto run = bitmap.view().next_run(at, size, 1 + random() % 90);
      if (!run) break;
      ASSERT_GT(run->count, 0u);
      std::fill_n(walked.begin() + run->first, run->count, true);
      at = run->end();
    }
    ASSERT_EQ(plain, walked);
  }
}

TEST(Bitmap, AbsorbLosesNoConcurrentSet) {
  constexpr uint64_t kBits = 4096;
  Bitmap pending(kBits);
  Bitmap owed(kBits);
  std::thread writer([&] {
    for (uint64_t bit = 0; bit < kBits; ++bit) pending.view().set(bit);
  });
  for (int i = 0; i < 200; ++i) owed.view().absorb(pending.view());
  writer.join();
  owed.view().absorb(pending.view());
  EXPECT_EQ(owed.view().count(), kBits);
  EXPECT_EQ(pending.view().count(), 0u);
}

}  // namespace
}  // namespace causeway
