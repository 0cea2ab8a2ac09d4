#include "engine/migration/placement.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "engine/base/limits.h"
#include "engine/codec/frame_encoder.h"
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
    desk_ = std::make_unique<ReferenceDesk>(*image_);
    placement_ =
        std::make_unique<Placement>(*image_, *versions_, *desk_, scratch_, 0);
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
  std::unique_ptr<ReferenceDesk> desk_;
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

TEST_P(PlacementTest, ACopyIsOfWhatIsThereOrItIsMissing) {
  ASSERT_TRUE(put(3, 1, 1, 0x33));
  const uint64_t digest = image_->digests(0).at(3);
  // The last is of what was there before, all others of places that are not.
  for (const auto& [place, named] : {std::pair{pack_place(0, 3), digest},
                                     {pack_place(1, 3), digest},
                                     {pack_place(0, kBlocks), digest},
                                     {UINT64_MAX, digest},
                                     {pack_place(0, 5), kZeroDigest},
                                     {pack_place(0, 3), digest + 1}}) {
    std::vector<std::byte> frame(kCodecHeadBytes + kCodecRunBytes +
                                 kBlockCopyBytes);
    store_run({BlockMethod::kCopy, 1, 0}, &frame[kCodecHeadBytes]);
    const std::array<uint64_t, 2> words{place, named};
    std::memcpy(&frame[kCodecHeadBytes + kCodecRunBytes], words.data(),
                sizeof words);
    seal_frame(frame, 1, 1, FrameStage::kNone);
    const bool good = place == pack_place(0, 3) && named == digest;
    const uint64_t to = good ? 6 : 7;
    const PutHead head{
        PutKind::kEncoded, 0, 1, to, 1, static_cast<uint32_t>(frame.size())};
    auto arriving = placement_->begin(head);
    ASSERT_TRUE(arriving);
    std::copy(frame.begin(), frame.end(), arriving->begin());
    ASSERT_TRUE(placement_->end(head));
    EXPECT_EQ(byte_of(6), 0x33);
    EXPECT_EQ(byte_of(7), 0);
    EXPECT_EQ(desk_->missing().take().size(), good ? 0u : 1u) << place;
  }
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

// Encoded puts: blocks 20 and 21 text, 22 left out, 23 zero.
class EncodedPlacementTest : public PlacementTest {
 protected:
  Status put_frame(Version version, std::span<const std::byte> frame,
                   uint64_t first, uint32_t blocks) {
    const PutHead head{PutKind::kEncoded,
                       0,
                       version,
                       first,
                       blocks,
                       static_cast<uint32_t>(frame.size())};
    auto place = placement_->begin(head);
    if (!place) return std::move(place).error();
    EXPECT_EQ(place->size(), frame.size());
    std::copy(frame.begin(), frame.end(), place->begin());
    return placement_->end(head);
  }
  // The encoder's frame of what it has taken.
  std::span<const std::byte> frame(Version version, uint64_t digest_before) {
    digests_.assign(encoder_.blocks(), version);
    before_.assign(encoder_.blocks(), digest_before);
    const auto bytes =
        encoder_.encode({0, version, 1, digests_, before_, &sent_}, out_);
    EXPECT_TRUE(bytes);
    return std::span<const std::byte>(out_).first(bytes.value_or(0));
  }
  static std::vector<std::byte> text(uint8_t fill) {
    std::vector<std::byte> block(kBlockBytes, std::byte{fill});
    for (size_t i = 0; i < block.size(); i += 7) block[i] = std::byte(i % 11);
    return block;
  }

  FrameEncoder encoder_;
  SentVersions sent_{1u << 20};
  std::vector<std::byte> out_ = std::vector<std::byte>(kFrameBytesMax);
  std::vector<uint64_t> digests_;
  std::vector<uint64_t> before_;
};

TEST_P(EncodedPlacementTest, PlacesWhatAFrameHasAndNothingBetween) {
  ASSERT_TRUE(put(22, 2, 1, 0x22));
  ASSERT_TRUE(put(21, 1, 5, 0x55));  // newer than the frame
  encoder_.take(20, text(0x20));
  encoder_.take(21, text(0x21));
  encoder_.take(23, std::vector<std::byte>(kBlockBytes));
  ASSERT_TRUE(put_frame(2, frame(2, 0), 20, 4));
  EXPECT_EQ(byte_of(20), 0x20);
  EXPECT_EQ(byte_of(21), 0x55);
  EXPECT_EQ(byte_of(22), 0x22);
  EXPECT_EQ(byte_of(23), 0);
  EXPECT_EQ(image_->digests(0).at(20), digest_block(text(0x20).data(), kKey));
  EXPECT_EQ(image_->digests(0).at(23), kZeroDigest);
  EXPECT_EQ(placement_->landed_blocks(), 6u);
}

TEST_P(EncodedPlacementTest, ADeltaNeedsItsBase) {
  auto block = text(0x20);
  const uint64_t base = digest_block(block.data(), kKey);
  sent_.note(0, 20, 1, base, block.data());
  block[17] = std::byte{0x77};
  encoder_.take(20, block);
  const auto delta = frame(2, base);
  ASSERT_EQ(encoder_.tally().of(BlockMethod::kDelta), 1u);

  ASSERT_TRUE(put(20, 1, 1, 0x11));  // another base
  const auto refused = put_frame(2, delta, 20, 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kContentMismatch);
  EXPECT_EQ(byte_of(20), 0x11);

  ASSERT_TRUE(put(20, 1, 3, 0x33));  // newer than the delta: that is stale
  EXPECT_TRUE(put_frame(2, delta, 20, 1));
  EXPECT_EQ(byte_of(20), 0x33);

  FrameEncoder first;  // the base itself, and the delta on it
  first.take(20, text(0x20));
  std::vector<std::byte> out(kFrameBytesMax);
  const size_t bytes = first.encode({0, 4, 1}, out).value();
  ASSERT_TRUE(put_frame(4, std::span(out).first(bytes), 20, 1));
  ASSERT_TRUE(put_frame(5, delta, 20, 1));
  EXPECT_EQ(image_->digests(0).at(20), digest_block(block.data(), kKey));
}

TEST_P(EncodedPlacementTest, GarbageIsRefusedAndPlacesNothing) {
  ASSERT_TRUE(put(20, 1, 1, 0x11));
  encoder_.take(20, text(0x20));
  const auto good = frame(2, 0);
  std::vector<std::byte> bad(good.begin(), good.end());
  bad.back() ^= std::byte{1};
  EXPECT_FALSE(put_frame(2, bad, 20, 1));
  EXPECT_FALSE(put_frame(2, good, 20, 2));
  EXPECT_FALSE(put_frame(2, good.first(5), 20, 1));
  EXPECT_EQ(byte_of(20), 0x11);
  ASSERT_TRUE(put_frame(2, good, 20, 1));
  EXPECT_EQ(byte_of(20), 0x20);
}

INSTANTIATE_TEST_SUITE_P(Both, EncodedPlacementTest,
                         testing::Values(RegionKind::kRam, RegionKind::kDisk));

INSTANTIATE_TEST_SUITE_P(Both, PlacementTest,
                         testing::Values(RegionKind::kRam, RegionKind::kDisk));

}  // namespace
}  // namespace causeway
