#include "dpdk-wan/link/byte_ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <thread>
#include <vector>

namespace causeway {
namespace {

iovec piece(std::vector<std::byte>& bytes, size_t from, size_t count) {
  return {bytes.data() + from, count};
}

TEST(ByteRing, TakesNoMoreThanItHolds) {
  ByteRing ring(16);
  std::vector<std::byte> bytes(20);
  const iovec all = piece(bytes, 0, 20);
  EXPECT_EQ(ring.write({&all, 1}), 16u);
  EXPECT_EQ(ring.room(), 0u);
  EXPECT_EQ(ring.write({&all, 1}), 0u);
  ring.release_to(5);
  EXPECT_EQ(ring.room(), 5u);
}

TEST(ByteRing, LendsFromAnyPositionThatIsNotReleased) {
  ByteRing ring(8);
  std::vector<std::byte> bytes{std::byte{0}, std::byte{1}, std::byte{2},
                               std::byte{3}, std::byte{4}, std::byte{5}};
  const iovec six = piece(bytes, 0, 6);
  ASSERT_EQ(ring.write({&six, 1}), 6u);
  ring.release_to(4);
  ASSERT_EQ(ring.write({&six, 1}), 6u);  // wraps
  const auto lent = ring.from(5);
  ASSERT_EQ(lent[0].iov_len + lent[1].iov_len, 7u);
  std::vector<std::byte> seen;
  for (const iovec& part : lent) {
    const auto* at = static_cast<const std::byte*>(part.iov_base);
    seen.insert(seen.end(), at, at + part.iov_len);
  }
  EXPECT_EQ(seen[0], std::byte{5});
  EXPECT_EQ(seen[1], std::byte{0});
  EXPECT_EQ(seen[6], std::byte{5});
  const auto none = ring.from(12);
  EXPECT_EQ(none[0].iov_len + none[1].iov_len, 0u);
}

TEST(ByteRing, WhatOneThreadWritesTheOtherReads) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  constexpr size_t kBytes = 1u << 20;
  std::vector<std::byte> sent(kBytes);
  std::mt19937_64 random(seed);
  std::generate(sent.begin(), sent.end(),
                [&] { return static_cast<std::byte>(random()); });
  ByteRing ring(4096);
  std::thread writer([&] {
    std::mt19937_64 dice(seed + 1);
    for (size_t at = 0; at < kBytes;) {
      const size_t count = std::min<size_t>(1 + dice() % 5000, kBytes - at);
      const iovec both[2] = {piece(sent, at, count / 2),
                             piece(sent, at + count / 2, count - count / 2)};
      at += ring.write(both);
    }
  });
  std::vector<std::byte> got(kBytes);
  for (size_t at = 0; at < kBytes;) {
    const iovec rest = piece(got, at, std::min<size_t>(3000, kBytes - at));
    at += ring.read({&rest, 1});
  }
  writer.join();
  EXPECT_TRUE(got == sent);
  EXPECT_TRUE(ring.empty());
}

}  // namespace
}  // namespace causeway
