#include "engine/migration/missing_blocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/sim/sim_guest.h"

namespace causeway {
namespace {

using testing::HasSubstr;

// 8 MiB of RAM, and a disk that takes two messages and some.
sim::SimGuestOptions sparse() {
  sim::SimGuestOptions options;
  options.disk_bytes = (2ull * kMissingBlocksMax + 100) * kBlockBytes;
  options.used_share = 0;
  return options;
}

class Missing : public testing::Test {
 protected:
  sim::SimGuest guest_{sparse()};
  GuestImage image_{guest_.open_stores(), 0};
  MissingBlocks missing_{image_};
  std::vector<Bitmap> marks_ = marks();

  std::vector<Bitmap> marks() {
    std::vector<Bitmap> marks;
    for (RegionId id = 0; id < image_.regions(); ++id) {
      marks.emplace_back(image_.info(id).blocks());
    }
    return marks;
  }
  void tell() {
    for (const MissingMessage& message : missing_.take()) {
      const auto back = decode_message(encode_message(message));
      ASSERT_TRUE(back);
      ASSERT_TRUE(mark_missing(std::get<MissingMessage>(*back), marks_));
    }
  }
  std::string trouble(const MissingMessage& message) {
    const auto marked = mark_missing(message, marks_);
    EXPECT_TRUE(marks_[0].view().count() + marks_[1].view().count() == 0);
    if (marked) return "";
    EXPECT_EQ(marked.error().code, ErrorCode::kPeerBroken);
    return marked.error().message;
  }
};

TEST_F(Missing, WhatOneEndAddsTheOtherMarks) {
  std::mt19937_64 random(5);
  std::vector<Bitmap> expected = marks();
  for (int i = 0; i < 5000; ++i) {
    const auto region = static_cast<RegionId>(random() % 2);
    const uint64_t block = random() % image_.info(region).blocks();
    missing_.add(region, block);
    expected[region].view().set(block);
  }
  tell();
  for (size_t id = 0; id < 2; ++id) {
    EXPECT_TRUE(
        std::equal(marks_[id].view().words(),
                   marks_[id].view().words() + marks_[id].view().word_count(),
                   expected[id].view().words()));
  }
  EXPECT_TRUE(missing_.take().empty());
}

TEST_F(Missing, AllOfARegionIsAFewBytes) {
  for (uint64_t block = 0; block < image_.info(1).blocks(); ++block) {
    missing_.add(1, block);
  }
  const auto messages = missing_.take();
  ASSERT_EQ(messages.size(), 3u);
  for (const MissingMessage& message : messages) {
    EXPECT_LT(encode_message(message).size(), 32u);
    ASSERT_TRUE(mark_missing(message, marks_));
  }
  EXPECT_EQ(marks_[1].view().count(), image_.info(1).blocks());
  EXPECT_EQ(marks_[0].view().count(), 0u);
}

TEST_F(Missing, AMessageAboutWhatIsNotThereIsRefused) {
  EXPECT_THAT(trouble({2, 0, 1, {}}), HasSubstr("region 2"));
  EXPECT_THAT(trouble({0, 2048, 1, {}}), HasSubstr("2048+1"));
  EXPECT_THAT(trouble({0, 2047, 2, {}}), HasSubstr("2047+2"));
  EXPECT_THAT(trouble({0, UINT64_MAX, 2, {}}), HasSubstr("of a region"));
}

}  // namespace
}  // namespace causeway
