#include "engine/migration/messages.h"

#include <gtest/gtest.h>

#include <random>

namespace causeway {
namespace {

std::vector<Message> samples() {
  HelloMessage hello;
  hello.migration = "m1";
  hello.guest = "g1";
  hello.digest_key = 77;
  hello.streams = 4;
  hello.regions = {{0, RegionKind::kRam, "ram0", 1u << 20, 4096},
                   {1, RegionKind::kDisk, "disk0", 2u << 20, 4096}};
  PreparedMessage prepared;
  prepared.roots = {1, 2};
  prepared.disk_sync = std::chrono::microseconds(17);
  return {hello,
          ReadyMessage{},
          ReadyMessage{kPutKindsKnown, ContentOffer{{std::byte{3}}, 1000}},
          MissingMessage{1, 77, 12, {}},
          MissingMessage{1, 77, 12, {std::byte{1}, std::byte{2}}},
          RoundEndMessage{3, 3},
          SyncedMessage{3, ""},
          SyncedMessage{4, "the store went home"},
          FinalMessage{4, std::vector<std::byte>(100, std::byte{9})},
          prepared,
          CommitMessage{},
          RunningMessage{
              std::chrono::microseconds(3), std::chrono::microseconds(4),
              std::chrono::microseconds(5), std::chrono::microseconds(8), 6, 7},
          AbortMessage{ErrorCode::kNoSpace, "no room"}};
}

TEST(Messages, RoundTrip) {
  for (const Message& message : samples()) {
    const auto bytes = encode_message(message);
    const auto back = decode_message(bytes);
    ASSERT_TRUE(back) << message.index();
    EXPECT_EQ(back->index(), message.index());
    EXPECT_EQ(encode_message(*back), bytes);
  }
}

TEST(Messages, TruncatedAndExtendedBytesAreRefused) {
  for (const Message& message : samples()) {
    auto bytes = encode_message(message);
    for (size_t length = 0; length < bytes.size(); ++length) {
      EXPECT_FALSE(decode_message(std::span(bytes).first(length)))
          << message.index() << " cut to " << length;
    }
    bytes.push_back(std::byte{0});
    EXPECT_FALSE(decode_message(bytes)) << message.index();
  }
}

TEST(Messages, RandomFlipsNeverCrash) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 5000; ++i) {
    for (const Message& message : samples()) {
      auto bytes = encode_message(message);
      bytes[random() % bytes.size()] ^=
          static_cast<std::byte>(1 << random() % 8);
      const auto back = decode_message(bytes);
      if (!back) continue;
      EXPECT_TRUE(decode_message(encode_message(*back)));
    }
  }
}

}  // namespace
}  // namespace causeway
