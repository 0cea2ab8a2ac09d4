#include "engine/content/content_identity.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "engine/content/sha256_pair.h"

namespace causeway {
namespace {

using Block = std::vector<std::byte>;

ContentKey key_of(uint8_t first) {
  ContentKey key{};
  for (size_t i = 0; i < key.size(); ++i) {
    key[i] = static_cast<std::byte>(first + i);
  }
  return key;
}

ContentIdentity identity_of(const ContentKey& key) {
  auto identity = ContentIdentity::create(key);
  EXPECT_TRUE(identity);
  return std::move(*identity);
}

std::string digest_hex(const ContentDigest& digest) {
  std::string text;
  for (const std::byte byte : digest) {
    char digits[3];
    std::snprintf(digits, sizeof(digits), "%02x",
                  std::to_integer<unsigned>(byte));
    text += digits;
  }
  return text;
}

// Computed by another implementation: Python's hmac module, over its hashlib.
TEST(ContentIdentity, IsTheStartOfTheHmacSha256OfTheBlock) {
  Block block(kBlockBytes);
  for (size_t i = 0; i < block.size(); ++i) {
    block[i] = static_cast<std::byte>(i * 7 % 251);
  }
  auto identity = identity_of(key_of(1));
  EXPECT_EQ(digest_hex(identity.digest(block.data())), "0d4a79b880e72d9a");
  block[kBlockBytes - 1] ^= std::byte{1};
  EXPECT_EQ(digest_hex(identity.digest(block.data())), "dc7c9a5df153526c");
}

// The pair is hashed by our own code, the single block by OpenSSL.
TEST(ContentIdentity, OfTwoAtOnceIsThatOfEach) {
  if (!has_sha256_pair()) {
    GTEST_SKIP() << "this processor has no SHA instructions";
  }
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "CAUSEWAY_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    ContentKey key;
    for (auto& byte : key) byte = static_cast<std::byte>(random());
    auto identity = identity_of(key);
    // At any alignment.
    std::vector<std::byte> memory(2 * kBlockBytes + 64);
    for (auto& byte : memory) byte = static_cast<std::byte>(random());
    const std::byte* first = memory.data() + random() % 64;
    const std::byte* second = memory.data() + random() % (kBlockBytes + 64);
    const auto pair = identity.digest_pair(first, second);
    ASSERT_EQ(pair[0], identity.digest(first));
    ASSERT_EQ(pair[1], identity.digest(second));
  }
}

// FIPS 180-4's own example: "abc".
TEST(Sha256Pair, HashesAsTheStandardSays) {
  if (!has_sha256_pair()) {
    GTEST_SKIP() << "this processor has no SHA instructions";
  }
  std::array<std::byte, kSha256BlockBytes> block{};
  block[0] = std::byte{'a'};
  block[1] = std::byte{'b'};
  block[2] = std::byte{'c'};
  block[3] = std::byte{0x80};
  block[63] = std::byte{24};
  Sha256State first = kSha256Begin;
  Sha256State second = kSha256Begin;
  sha256_pair(first, block.data(), second, block.data(), 1);
  const Sha256State expected{0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223,
                             0xb00361a3, 0x96177a9c, 0xb410ff61, 0xf20015ad};
  EXPECT_EQ(first, expected);
  EXPECT_EQ(second, expected);
}

TEST(ContentIdentity, TrustDomainsHaveNothingInCommon) {
  const Block block(kBlockBytes, std::byte{5});
  auto a = identity_of(key_of(1));
  auto b = identity_of(key_of(2));
  EXPECT_NE(a.digest(block.data()), b.digest(block.data()));
}

TEST(ContentIdentity, AnotherOneOfTheSameKeyAgrees) {
  const Block block(kBlockBytes, std::byte{5});
  const Block other(kBlockBytes, std::byte{6});
  auto a = identity_of(key_of(1));
  const ContentDigest digest = a.digest(block.data());
  EXPECT_NE(a.digest(other.data()), digest);
  ContentIdentity moved = std::move(a);
  EXPECT_EQ(moved.digest(block.data()), digest);
  EXPECT_EQ(identity_of(key_of(1)).digest(block.data()), digest);
}

}  // namespace
}  // namespace causeway
