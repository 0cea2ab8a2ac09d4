#include "dpdk-wan/port/checksum.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace causeway {
namespace {

// RFC 1071, 1: word by word, as it is defined.
uint16_t plain_sum(std::span<const std::byte> bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); i += 2) {
    const auto high = static_cast<uint32_t>(bytes[i]);
    const auto low =
        i + 1 < bytes.size() ? static_cast<uint32_t>(bytes[i + 1]) : 0;
    sum += high << 8 | low;
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>(sum);
}

TEST(Checksum, IsThatOfRfc1071) {
  constexpr std::array<uint8_t, 8> kExample{0x00, 0x01, 0xf2, 0x03,
                                            0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(Checksum().add(std::as_bytes(std::span(kExample))).sum(), 0xddf2);
}

TEST(Checksum, OfEveryLengthIsThePlainOne) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  std::vector<std::byte> bytes(9000);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  for (size_t length = 0; length < 300; ++length) {
    const auto some = std::span(bytes).subspan(random() % 500, length);
    ASSERT_EQ(Checksum().add(some).sum(), plain_sum(some)) << length;
  }
  EXPECT_EQ(Checksum().add(bytes).sum(), plain_sum(bytes));
}

TEST(Checksum, OfAllOnesIsNotZero) {
  const std::vector<std::byte> ones(65535 - 1, std::byte{0xff});
  EXPECT_EQ(Checksum().add(ones).sum(), 0xffff);
}

TEST(Checksum, PiecesAddUp) {
  const std::vector<std::byte> bytes(101, std::byte{0x9c});
  Checksum pieces;
  pieces.add(std::span(bytes).first(10)).add(std::span(bytes).subspan(10));
  EXPECT_EQ(pieces.sum(), plain_sum(bytes));
  EXPECT_EQ(Checksum().add_word(0x1234).sum(), 0x1234);
}

}  // namespace
}  // namespace causeway
