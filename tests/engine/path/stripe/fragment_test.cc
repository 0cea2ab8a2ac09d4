#include "engine/path/stripe/fragment.h"

#include <gtest/gtest.h>

#include <array>

#include "engine/path/stripe/limits.h"

namespace causeway {
namespace {

std::vector<std::byte> some_bytes(size_t count) {
  return std::vector<std::byte>(count, std::byte{0x5a});
}

TEST(Fragment, ComesBackAsItWent) {
  const auto bytes = some_bytes(kFragmentBytesMax);
  const std::array fragments{Fragment{FragmentKind::kPiece, 1, bytes},
                             Fragment{FragmentKind::kLastPiece, UINT64_MAX, {}},
                             Fragment{FragmentKind::kFarewell, 3, {}},
                             Fragment{FragmentKind::kReceived, 1ull << 40, {}}};
  for (const Fragment& fragment : fragments) {
    const auto encoded = encode_fragment(fragment);
    EXPECT_EQ(encoded.size(), Fragment::kHeadBytes + fragment.bytes.size());
    const auto decoded = decode_fragment(encoded);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(decoded->kind, fragment.kind);
    EXPECT_EQ(decoded->number, fragment.number);
    EXPECT_TRUE(std::equal(decoded->bytes.begin(), decoded->bytes.end(),
                           fragment.bytes.begin(), fragment.bytes.end()));
  }
}

TEST(Fragment, LiesInMemoryAsTheHeaderDrawsIt) {
  const auto head =
      encode_fragment({FragmentKind::kLastPiece, 0x0807060504030201, {}});
  const std::array<uint8_t, 16> expected{'C', 'W', 'F', 'S', 2, 0, 0, 0,
                                         1,   2,   3,   4,   5, 6, 7, 8};
  ASSERT_EQ(head.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(static_cast<uint8_t>(head[i]), expected[i]) << "byte " << i;
  }
}

TEST(Fragment, WhatIsNoneIsRefused) {
  const auto good = encode_fragment({FragmentKind::kPiece, 1, some_bytes(3)});
  const auto refused = [](std::vector<std::byte> bytes) {
    const auto decoded = decode_fragment(bytes);
    return !decoded && decoded.error().code == ErrorCode::kPeerBroken;
  };
  EXPECT_FALSE(refused(good));
  for (size_t cut = 0; cut < Fragment::kHeadBytes; ++cut) {
    EXPECT_TRUE(refused({good.begin(), good.begin() + cut})) << cut;
  }
  for (size_t at = 0; at < 8; ++at) {
    auto bad = good;
    bad[at] ^= std::byte{0x80};
    EXPECT_TRUE(refused(bad)) << "byte " << at;
  }
  auto zero = good;
  zero[8] = std::byte{0};
  EXPECT_TRUE(refused(zero));
  auto farewell = good;
  farewell[4] = std::byte{3};
  EXPECT_TRUE(refused(farewell)) << "a farewell with bytes";
  auto long_one =
      encode_fragment({FragmentKind::kPiece, 1, some_bytes(kFragmentBytesMax)});
  long_one.push_back(std::byte{0});
  EXPECT_TRUE(refused(long_one));
}

}  // namespace
}  // namespace causeway
