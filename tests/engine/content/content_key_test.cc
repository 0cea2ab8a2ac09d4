#include "engine/content/content_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/engine/content/test_folder.h"

namespace causeway {
namespace {

ContentKey counting_key() {
  ContentKey key;
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(i);
  return key;
}

std::string key_hex(const ContentKey& key) {
  std::string text;
  for (const std::byte byte : key) {
    text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  }
  return text;
}

class ContentKeyFile : public testing::Test {
 protected:
  void write(const std::string& text, mode_t mode = 0600) {
    std::ofstream(path_, std::ios::trunc) << text;
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
  }
  ErrorCode refusal() {
    const auto key = read_or_make_master_key(path_);
    if (key) return ErrorCode::kInternal;
    EXPECT_NE(key.error().message.find(path_), std::string::npos);
    return key.error().code;
  }

  TestFolder folder_;
  std::string path_ = folder_.at("content.key");
};

TEST_F(ContentKeyFile, IsMadeOnceAndReadAgain) {
  EXPECT_EQ(read_master_key(path_).error().code, ErrorCode::kNotFound);
  const auto made = read_or_make_master_key(path_);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(*read_or_make_master_key(path_), *made);
  EXPECT_EQ(*read_master_key(path_), *made);
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  EXPECT_EQ(info.st_size, 65);
  // Nothing is left beside it.
  const std::filesystem::directory_iterator files(folder_.at(""));
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST_F(ContentKeyFile, IsTheSameForAllWhoMakeItAtOnce) {
  std::vector<ContentKey> keys(8);
  std::vector<std::thread> makers;
  for (ContentKey& key : keys) {
    makers.emplace_back([&] {
      const auto made = read_or_make_master_key(path_);
      if (made) key = *made;
    });
  }
  for (std::thread& maker : makers) maker.join();
  EXPECT_EQ(std::set(keys.begin(), keys.end()).size(), 1u);
  EXPECT_NE(keys[0], ContentKey{});
}

TEST_F(ContentKeyFile, IsHexadecimalDigits) {
  write(key_hex(counting_key()));
  EXPECT_EQ(*read_master_key(path_), counting_key());
  std::string upper = key_hex(counting_key()) + "\n";
  for (char& digit : upper) digit = static_cast<char>(std::toupper(digit));
  write(upper);
  EXPECT_EQ(*read_master_key(path_), counting_key());
}

TEST_F(ContentKeyFile, IsRefusedWhenItIsNone) {
  const std::string good = key_hex(counting_key());
  for (const std::string& bad :
       {std::string(), good.substr(1), good + "0", good + "\n\n",
        "g" + good.substr(1), good.substr(1) + "\n", "  " + good.substr(2)}) {
    write(bad);
    EXPECT_EQ(refusal(), ErrorCode::kInvalidArgument) << bad;
  }
  std::filesystem::remove(path_);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(refusal(), ErrorCode::kInvalidArgument);
  path_ = folder_.at("no/where");
  EXPECT_EQ(refusal(), ErrorCode::kNotFound);
}

TEST_F(ContentKeyFile, IsRefusedWhenOthersMayReadIt) {
  for (const mode_t mode : {0640, 0604, 0602, 0610}) {
    write(key_hex(counting_key()), mode);
    EXPECT_EQ(refusal(), ErrorCode::kPermission) << mode;
  }
}

// Made by another implementation: Python's hmac over label, name and 0x01.
TEST(DomainKey, IsTheExpandOfRfc5869) {
  EXPECT_EQ(key_hex(*derive_domain_key(counting_key(), "")),
            "aff0deceb6b1c6bf79b7c0276b5c12fcca85806736a274a21b22711409928376");
  EXPECT_EQ(key_hex(*derive_domain_key(counting_key(), "tenant a")),
            "52ba83508bd9a1345d2ebdb70b8e5c19dc4af10ae90af9cd82f55f6f6dacb74b");
}

TEST(DomainKey, NamesHaveALimit) {
  EXPECT_TRUE(derive_domain_key({}, std::string(64, 'x')));
  EXPECT_EQ(derive_domain_key({}, std::string(65, 'x')).error().code,
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace causeway
