#include "engine/policy/codec_options.h"

#include <gtest/gtest.h>

namespace causeway {
namespace {

TEST(CodecOptions, WhatIsSaidIsWhatIsMeant) {
  for (const char* text :
       {"auto", "none", "deflate:0", "deflate:1", "deflate:2", "deflate:3"}) {
    const auto codec = parse_codec(text);
    ASSERT_TRUE(codec) << text;
    EXPECT_EQ(codec_text(*codec), text);
  }
}

TEST(CodecOptions, NamesWhatItDoesNotKnow) {
  for (const char* text : {"", "gzip", "deflate", "deflate:4", "deflate:-1",
                           "deflate:1 ", "AUTO"}) {
    const auto codec = parse_codec(text);
    ASSERT_FALSE(codec) << text;
    EXPECT_EQ(codec.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(codec.error().message.find("deflate:LEVEL"), std::string::npos);
  }
}

}  // namespace
}  // namespace causeway
