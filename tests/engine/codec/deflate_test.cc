#include "engine/codec/deflate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/codec/limits.h"
#include "tests/engine/codec/sample_content.h"

namespace causeway {
namespace {

using testing::HasSubstr;

Block text(size_t blocks) {
  Random random(7);
  Block all;
  for (size_t i = 0; i < blocks; ++i) {
    const Block block = text_block(random);
    all.insert(all.end(), block.begin(), block.end());
  }
  return all;
}

TEST(Deflate, RoundTripsAtEveryLevelAndGrowsNoLargerWithIt) {
  const Block in = text(64);
  Deflater deflater;
  Inflater inflater;
  size_t before = in.size();
  for (int level = 0; level <= kDeflateLevelMax; ++level) {
    Block out(in.size());
    const auto bytes = deflater.deflate(level, in, out);
    ASSERT_TRUE(bytes) << level;
    EXPECT_LT(*bytes, in.size() / 2) << level;
    EXPECT_LE(*bytes, before) << level;
    before = *bytes;
    Block back(in.size());
    const auto inflated = inflater.inflate(std::span(out).first(*bytes), back);
    ASSERT_TRUE(inflated) << inflated.error().message;
    EXPECT_EQ(*inflated, in.size());
    EXPECT_EQ(back, in);
  }
}

TEST(Deflate, SaysWhenTheRoomDoesNotDo) {
  Random random(8);
  const Block in = random_block(random);
  Block out(in.size() - 1);
  Deflater deflater;
  for (int level = 0; level <= kDeflateLevelMax; ++level) {
    EXPECT_FALSE(deflater.deflate(level, in, out)) << level;
    EXPECT_FALSE(deflater.deflate(level, in, {})) << level;
  }
  // And goes on after that.
  const Block easy = text(1);
  EXPECT_TRUE(deflater.deflate(1, easy, out));
}

TEST(Deflate, AStreamIsBelievedWholeOrNotAtAll) {
  const Block in = text(4);
  Block out(in.size());
  Deflater deflater;
  const size_t bytes = deflater.deflate(1, in, out).value();
  Inflater inflater;
  Block back(in.size());
  const auto message = [&](std::span<const std::byte> stream,
                           std::span<std::byte> room) {
    const auto result = inflater.inflate(stream, room);
    if (result) return std::string("taken");
    EXPECT_EQ(result.error().code, ErrorCode::kPeerBroken);
    return result.error().message;
  };
  const std::span<const std::byte> stream = out;
  EXPECT_EQ(message(stream.first(bytes), back), "taken");
  EXPECT_THAT(message(stream.first(bytes - 1), back),
              HasSubstr("ends too early"));
  EXPECT_THAT(message({}, back), HasSubstr("ends too early"));
  EXPECT_THAT(message(stream.first(bytes + 3), back),
              HasSubstr("ends 3 bytes before"));
  EXPECT_THAT(message(stream.first(bytes), std::span(back).first(4096)),
              HasSubstr("more than its blocks"));
  // A match that reaches back 1 byte in a stream that has had none: fixed
  // codes, length 3, distance 1, end.
  const std::byte before_start[] = {std::byte{0x03}, std::byte{0x02},
                                    std::byte{0x00}};
  EXPECT_THAT(message(before_start, back), HasSubstr("reaches back"));
  const std::byte reserved[] = {std::byte{0x07}, std::byte{0}, std::byte{0}};
  EXPECT_THAT(message(reserved, back), HasSubstr("invalid block"));
}

}  // namespace
}  // namespace causeway
