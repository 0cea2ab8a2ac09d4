#include "engine/content/content_identity.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

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

std::string hex(const ContentDigest& digest) {
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
  EXPECT_EQ(hex(identity.digest(block.data())), "0d4a79b880e72d9a");
  block[kBlockBytes - 1] ^= std::byte{1};
  EXPECT_EQ(hex(identity.digest(block.data())), "dc7c9a5df153526c");
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
