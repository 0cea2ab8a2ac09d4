// RamStore and DiskStore: the same contract, on a memfd each.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstring>
#include <vector>

#include "engine/guest/disk_store.h"
#include "engine/guest/ram_store.h"

namespace causeway {
namespace {

constexpr uint64_t kBlocks = 1024;

RegionInfo region(RegionKind kind) {
  RegionInfo info;
  info.kind = kind;
  info.name = kind == RegionKind::kRam ? "ram0" : "disk0";
  info.bytes = kBlocks * kBlockBytes;
  return info;
}

class BlockStoreContract : public testing::TestWithParam<RegionKind> {
 protected:
  void SetUp() override {
    file_.reset(::memfd_create("block_store_test", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(file_.get(), kBlocks * kBlockBytes), 0);
    if (GetParam() == RegionKind::kRam) {
      store_ = RamStore::open(region(GetParam()), file_.get()).value();
    } else {
      store_ = DiskStore::open(region(GetParam()), file_.get()).value();
    }
  }
  uint64_t allocated_blocks() const {
    struct stat status {};
    EXPECT_EQ(::fstat(file_.get(), &status), 0);
    return static_cast<uint64_t>(status.st_blocks) * 512 / kBlockBytes;
  }

  UniqueFd file_;
  std::unique_ptr<BlockStore> store_;
  std::vector<std::byte> scratch_ = std::vector<std::byte>(64 * kBlockBytes);
};

TEST_P(BlockStoreContract, ReadsBackWhatWasWritten) {
  const std::vector<std::byte> bytes(3 * kBlockBytes, std::byte{0x5a});
  ASSERT_TRUE(store_->write(100, bytes));
  const auto read = store_->read(99, 5, scratch_);
  ASSERT_TRUE(read);
  EXPECT_EQ((*read)[kBlockBytes - 1], std::byte{0});
  EXPECT_EQ(std::memcmp(read->data() + kBlockBytes, bytes.data(), bytes.size()),
            0);
  EXPECT_EQ((*read)[4 * kBlockBytes], std::byte{0});
  ASSERT_TRUE(store_->clear(101, 1));
  EXPECT_EQ((*store_->read(101, 1, scratch_))[7], std::byte{0});
  ASSERT_TRUE(store_->sync());
}

TEST_P(BlockStoreContract, FindsDataWithoutAllocatingHoles) {
  const std::vector<std::byte> bytes(kBlockBytes, std::byte{1});
  ASSERT_TRUE(store_->write(10, bytes));
  ASSERT_TRUE(store_->write(11, bytes));
  ASSERT_TRUE(store_->write(500, bytes));
  EXPECT_EQ(*store_->next_data(0, kBlocks), (BitRun{10, 2}));
  EXPECT_EQ(*store_->next_data(12, kBlocks), (BitRun{500, 1}));
  EXPECT_EQ(store_->next_data(12, 400)->count, 0u);
  EXPECT_EQ(store_->next_data(501, kBlocks)->count, 0u);
  EXPECT_EQ(allocated_blocks(), 3u);
}

// A file that was cut short must not look like a hole: zeros would be sent.
TEST_P(BlockStoreContract, ATruncatedFileIsAnErrorNotAHole) {
  ASSERT_EQ(::ftruncate(file_.get(), 4 * kBlockBytes), 0);
  const auto data = store_->next_data(0, kBlocks);
  ASSERT_FALSE(data);
  EXPECT_NE(data.error().message.find("truncated"), std::string::npos);
}

TEST_P(BlockStoreContract, RefusesAFileShorterThanItsRegion) {
  ASSERT_EQ(::ftruncate(file_.get(), 4 * kBlockBytes), 0);
  const auto info = region(GetParam());
  if (GetParam() == RegionKind::kRam) {
    EXPECT_FALSE(RamStore::open(info, file_.get()));
  } else {
    EXPECT_FALSE(DiskStore::open(info, file_.get()));
  }
}

INSTANTIATE_TEST_SUITE_P(Both, BlockStoreContract,
                         testing::Values(RegionKind::kRam, RegionKind::kDisk));

TEST(RamStore, HugePagesAreStoredToInPlace) {
  constexpr size_t kHuge = 2u << 20;
  UniqueFd file(::memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB));
  void* probe = MAP_FAILED;
  if (file && ::ftruncate(file.get(), kHuge) == 0) {
    probe = ::mmap(nullptr, kHuge, PROT_READ | PROT_WRITE, MAP_SHARED,
                   file.get(), 0);
  }
  if (probe == MAP_FAILED) {
    GTEST_SKIP() << "no free 2 MiB page (/proc/sys/vm/nr_hugepages)";
  }
  ::munmap(probe, kHuge);
  RegionInfo info = region(RegionKind::kRam);
  info.bytes = kHuge;
  info.page_bytes = kHuge;
  const auto store = RamStore::open(info, file.get()).value();
  const auto place = store->in_place(3, 2);
  ASSERT_EQ(place.size(), 2 * kBlockBytes);
  std::memset(place.data(), 7, place.size());
  const std::vector<std::byte> bytes(kBlockBytes, std::byte{9});
  ASSERT_TRUE(store->write(4, bytes));
  const auto read = store->read(3, 2, {});
  ASSERT_TRUE(read);
  EXPECT_EQ((*read)[0], std::byte{7});
  EXPECT_EQ((*read)[kBlockBytes], std::byte{9});
}

TEST(DiskStore, AReadErrorNamesDiskAndByte) {
  UniqueFd file(::memfd_create("disk", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(file.get(), kBlocks * kBlockBytes), 0);
  const auto store =
      DiskStore::open(region(RegionKind::kDisk), file.get()).value();
  ASSERT_EQ(::ftruncate(file.get(), 4 * kBlockBytes), 0);
  std::vector<std::byte> scratch(kBlockBytes);
  const auto read = store->read(9, 1, scratch);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("disk0: read at byte 36864"),
            std::string::npos)
      << read.error().message;
}

}  // namespace
}  // namespace causeway
