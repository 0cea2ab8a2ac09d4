#include "tools/agent/guest_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/guest/region.h"

namespace causeway {
namespace {

using testing::HasSubstr;

class GuestDiskTest : public testing::Test {
 protected:
  GuestDiskTest() {
    const Status made = make_disk(path_, 8 * kBlockBytes);
    EXPECT_TRUE(made) << made.error().message;
    config_.set_name("g");
  }
  ~GuestDiskTest() override { unlink(path_.c_str()); }

  const std::string path_ = testing::TempDir() + "guest_disk_test." +
                            std::to_string(getpid()) + ".raw";
  control::GuestConfig config_;
};

TEST_F(GuestDiskTest, AFileGivesItsSizeToWhoLeftItOpen) {
  config_.set_disk_path(path_);
  ASSERT_TRUE(complete_disk(&config_));
  EXPECT_EQ(config_.disk_bytes(), 8 * kBlockBytes);
  config_.set_disk_bytes(9 * kBlockBytes);
  EXPECT_FALSE(complete_disk(&config_));
  config_.set_disk_bytes(kBlockBytes + 1);
  EXPECT_FALSE(complete_disk(&config_));
}

TEST_F(GuestDiskTest, IsNotMadeOverAnother) {
  EXPECT_FALSE(make_disk(path_, kBlockBytes));
}

TEST_F(GuestDiskTest, ADiskThatLostItsEndIsNotWhole) {
  EXPECT_TRUE(check_whole_disk(config_, "/nowhere", "a"));  // it has none
  config_.set_disk_bytes(8 * kBlockBytes);
  EXPECT_TRUE(check_whole_disk(config_, path_, "a"));
  ASSERT_EQ(truncate(path_.c_str(), 3 * kBlockBytes), 0);
  const Status cut = check_whole_disk(config_, path_, "a");
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::kIo);
  EXPECT_THAT(cut.error().message, HasSubstr("guest g runs on at a"));
  config_.set_disk_path(path_);
  EXPECT_FALSE(check_whole_disk(config_, "/nowhere", "a"));
}

}  // namespace
}  // namespace causeway
