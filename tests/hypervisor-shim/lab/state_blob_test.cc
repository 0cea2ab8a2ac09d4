#include "hypervisor-shim/lab/state_blob.h"

#include <gtest/gtest.h>

namespace causeway::lab {
namespace {

struct Pair {
  uint64_t first;
  uint32_t second;
  uint32_t third;
};

std::vector<std::byte> blob_of_two() {
  StateWriter out;
  out.add_struct(1, 0, Pair{11, 22, 33});
  const std::vector<std::byte> bytes(100, std::byte{7});
  out.add(2, 3, bytes);
  return out.finish();
}

TEST(StateBlob, GivesBackWhatWasPutIn) {
  const auto blob = blob_of_two();
  const auto reader = StateReader::parse(blob);
  ASSERT_TRUE(reader);
  Pair pair{};
  ASSERT_TRUE(reader->read_struct(1, 0, &pair));
  EXPECT_EQ(pair.first, 11u);
  EXPECT_EQ(pair.third, 33u);
  const auto bytes = reader->find(2, 3);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->size(), 100u);
}

TEST(StateBlob, MissingOrMisshapenSectionsAreRefused) {
  const auto blob = blob_of_two();
  const auto reader = StateReader::parse(blob);
  ASSERT_TRUE(reader);
  EXPECT_FALSE(reader->find(2, 0));
  EXPECT_FALSE(reader->find(3, 3));
  Pair pair{};
  const Status status = reader->read_struct(2, 3, &pair);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kPeerBroken);
}

TEST(StateBlob, EveryTruncationIsRefused) {
  const auto blob = blob_of_two();
  for (size_t bytes = 0; bytes < blob.size(); ++bytes) {
    EXPECT_FALSE(StateReader::parse(std::span(blob).first(bytes))) << bytes;
  }
}

TEST(StateBlob, EveryFlippedBitIsRefused) {
  auto blob = blob_of_two();
  for (size_t i = 0; i < blob.size() * 8; ++i) {
    blob[i / 8] ^= std::byte(1u << (i % 8));
    EXPECT_FALSE(StateReader::parse(blob)) << "bit " << i;
    blob[i / 8] ^= std::byte(1u << (i % 8));
  }
  EXPECT_TRUE(StateReader::parse(blob));
}

TEST(StateBlob, AnotherFormatIsIncompatible) {
  auto blob = blob_of_two();
  blob[4] = std::byte{99};
  const auto reader = StateReader::parse(blob);
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, ErrorCode::kIncompatible);
}

}  // namespace
}  // namespace causeway::lab
