#include "engine/migration/roots_proof.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>

#include "engine/base/limits.h"
#include "engine/base/unique_fd.h"
#include "engine/content/digest.h"
#include "engine/guest/ram_store.h"

namespace causeway {
namespace {

// More than one piece of reading.
constexpr uint64_t kImageBlocks = 3 * kPutBytesMax / kBlockBytes;
constexpr uint64_t kImageKey = 99;

// A region of data at both ends, a hole between, and a block of zeros.
class RootsProofTest : public testing::Test {
 protected:
  RootsProofTest() : file_(::memfd_create("image", MFD_CLOEXEC)) {
    EXPECT_EQ(::ftruncate(file_.get(), kImageBlocks * kBlockBytes), 0);
    for (const uint64_t block : {uint64_t{0}, uint64_t{1}, kImageBlocks - 1}) {
      fill(block, static_cast<uint8_t>(block + 1));
    }
    fill(2, 0);
  }

  void fill(uint64_t block, uint8_t byte) {
    std::array<uint8_t, kBlockBytes> bytes;
    bytes.fill(byte);
    EXPECT_EQ(::pwrite(file_.get(), bytes.data(), bytes.size(),
                       static_cast<off_t>(block * kBlockBytes)),
              static_cast<ssize_t>(bytes.size()));
  }

  GuestImage image(uint64_t key = kImageKey) {
    RegionInfo info;
    info.kind = RegionKind::kRam;
    info.name = "ram0";
    info.bytes = kImageBlocks * kBlockBytes;
    std::vector<std::unique_ptr<BlockStore>> stores;
    stores.push_back(RamStore::open(info, file_.get()).value());
    return {std::move(stores), key};
  }

  // As a mover's table has them.
  std::vector<uint64_t> roots() {
    GuestImage whole = image();
    std::vector<std::byte> scratch(kBlockBytes);
    for (uint64_t block = 0; block < kImageBlocks; ++block) {
      const auto bytes = whole.store(0).read(block, 1, scratch).value();
      const uint64_t digest = digest_any_block(bytes.data(), kImageKey);
      whole.digests(0).set(block, {&digest, 1});
    }
    return whole.roots();
  }

  UniqueFd file_;
};

TEST_F(RootsProofTest, HoldsForTheSameContent) {
  GuestImage same = image();
  EXPECT_TRUE(prove_roots(same, roots()));
}

TEST_F(RootsProofTest, FindsAnotherBlockAndAnotherKey) {
  const auto before = roots();
  GuestImage keyed = image(kImageKey + 1);
  EXPECT_FALSE(prove_roots(keyed, before));
  for (const uint64_t block :
       {uint64_t{1}, kImageBlocks / 2, kImageBlocks - 1}) {
    fill(block, 77);
    GuestImage other = image();
    const Status proved = prove_roots(other, before);
    ASSERT_FALSE(proved) << block;
    EXPECT_EQ(proved.error().code, ErrorCode::kContentMismatch);
    EXPECT_NE(proved.error().message.find("ram0"), std::string::npos);
  }
}

TEST_F(RootsProofTest, RefusesTheRootsOfAnotherGuest) {
  auto two = roots();
  two.push_back(0);
  GuestImage one = image();
  EXPECT_EQ(prove_roots(one, two).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace causeway
