#include "engine/migration/placement.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "engine/base/limits.h"
#include "engine/content/digest.h"
#include "engine/guest/disk_store.h"
#include "engine/guest/ram_store.h"

namespace causeway {
namespace {

constexpr uint64_t kBlocks = 256;
constexpr uint64_t kKey = 99;

class PlacementTest : public testing::TestWithParam<RegionKind> {
 protected:
  PlacementTest() : file_(::memfd_create("placement", MFD_CLOEXEC)) {
    EXPECT_EQ(::ftruncate(file_.get(), kBlocks * kBlockBytes), 0);
    RegionInfo info;
    info.kind = GetParam();
    info.name = "region";
    info.bytes = kBlocks * kBlockBytes;
    std::vector<std::unique_ptr<BlockStore>> stores;
    if (GetParam() == RegionKind::kRam) {
      stores.push_back(RamStore::open(info, file_.get()).value());
    } else {
      stores.push_back(DiskStore::open(info, file_.get()).value());
    }
    image_ = std::make_unique<GuestImage>(std::move(stores), kKey);
    versions_ = std::make_unique<VersionTable>(*image_);
    placement_ = std::make_unique<Placement>(*image_, *versions_, scratch_);
  }

  Status put(uint64_t first, uint32_t blocks, Version version, uint8_t fill) {
    const PutHead head{
        PutKind::kRaw, 0,      version,
        first,         blocks, static_cast<uint32_t>(blocks * kBlockBytes)};
    auto place = placement_->begin(head);
    if (!place) return std::move(place).error();
    EXPECT_EQ(place->size(), head.payload_bytes);
    std::fill(place->begin(), place->end(), std::byte{fill});
    return placement_->end(head);
  }
  Status put_zero(uint64_t first, uint32_t blocks, Version version) {
    const PutHead head{PutKind::kZero, 0, version, first, blocks, 0};
    auto place = placement_->begin(head);
    if (!place) return std::move(place).error();
    return placement_->end(head);
  }
  uint8_t byte_of(uint64_t block) {
    uint8_t byte = 0;
    EXPECT_EQ(::pread(file_.get(), &byte, 1,
                      static_cast<off_t>(block * kBlockBytes + 17)),
              1);
    return byte;
  }

  UniqueFd file_;
  std::vector<std::byte> scratch_ =
      std::vector<std::byte>(Placement::kScratchBytes);
  std::unique_ptr<GuestImage> image_;
  std::unique_ptr<VersionTable> versions_;
  std::unique_ptr<Placement> placement_;
};

TEST_P(PlacementTest, DropsWhatIsOlderBlockByBlock) {
  ASSERT_TRUE(put(10, 2, 5, 0x55));
  ASSERT_TRUE(put(8, 6, 4, 0x44));  // overtaken in the middle
  EXPECT_EQ(byte_of(9), 0x44);
  EXPECT_EQ(byte_of(10), 0x55);
  EXPECT_EQ(byte_of(11), 0x55);
  EXPECT_EQ(byte_of(12), 0x44);
  ASSERT_TRUE(put_zero(8, 6, 3));  // older than all
  EXPECT_EQ(byte_of(8), 0x44);
  ASSERT_TRUE(put_zero(8, 6, 4));
  EXPECT_EQ(byte_of(8), 0);
  EXPECT_EQ(byte_of(10), 0x55);
  ASSERT_TRUE(put(10, 1, 6, 0x66));
  EXPECT_EQ(byte_of(10), 0x66);
}

TEST_P(PlacementTest, TheDigestsAreOfWhatIsThere) {
  ASSERT_TRUE(put(0, 4, 1, 0x11));
  ASSERT_TRUE(put(2, 1, 2, 0x22));
  ASSERT_TRUE(put_zero(3, 1, 2));
  std::vector<std::byte> block(kBlockBytes, std::byte{0x22});
  EXPECT_EQ(image_->digests(0).at(2), digest_block(block.data(), kKey));
  EXPECT_EQ(image_->digests(0).at(3), kZeroDigest);
}

TEST_P(PlacementTest, ZeroRunsOverHolesAllocateNothing) {
  ASSERT_TRUE(put_zero(0, kBlocks, 1));
  struct stat status {};
  ASSERT_EQ(::fstat(file_.get(), &status), 0);
  EXPECT_EQ(status.st_blocks, 0);
}

TEST_P(PlacementTest, HeadsFromOutsideAreCheckedBeforeUse) {
  const auto refused = [&](PutHead head) {
    const auto place = placement_->begin(head);
    return !place && place.error().code == ErrorCode::kPeerBroken;
  };
  const PutHead good{PutKind::kRaw, 0, 1, 0, 1, kBlockBytes};
  ASSERT_FALSE(refused(good));
  PutHead head = good;
  head.region = 1;
  EXPECT_TRUE(refused(head));
  head = good;
  head.first_block = kBlocks;
  EXPECT_TRUE(refused(head));
  head.first_block = UINT64_MAX;
  EXPECT_TRUE(refused(head));
  head = good;
  head.blocks = 0;
  EXPECT_TRUE(refused(head));
  head = good;
  head.payload_bytes = kBlockBytes - 1;
  EXPECT_TRUE(refused(head));
  head = good;
  head.version = 0;
  EXPECT_TRUE(refused(head));
  head.version = VersionTable::kVersionMax + 1;
  EXPECT_TRUE(refused(head));
  head = good;
  head.blocks = kPutBytesMax / kBlockBytes + 1;
  head.payload_bytes = head.blocks * kBlockBytes;
  EXPECT_TRUE(refused(head));
  head = {PutKind::kZero, 0, 1, kBlocks - 1, 2, 0};
  EXPECT_TRUE(refused(head));
}

INSTANTIATE_TEST_SUITE_P(Both, PlacementTest,
                         testing::Values(RegionKind::kRam, RegionKind::kDisk));

}  // namespace
}  // namespace causeway
