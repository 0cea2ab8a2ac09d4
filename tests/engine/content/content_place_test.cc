#include "engine/content/content_place.h"

#include <gtest/gtest.h>

namespace causeway {
namespace {

TEST(ContentPlace, ASourceComesBackAsItWasStored) {
  for (const ContentSource& source :
       {ContentSource{ContentKind::kFile, "/var/lib/images/a b.raw", 0},
        ContentSource{ContentKind::kRegion, "guest-1", 63}}) {
    const auto back = decode_source(encode_source(source));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, source);
  }
}

TEST(ContentPlace, RefusesWhatNoSourceIs) {
  auto bytes = encode_source({ContentKind::kFile, "/a", 0});
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(decode_source(std::span(bytes).first(cut))) << cut;
  }
  // Format, kind, region of a file, length, a name that is no absolute path.
  for (const size_t at : {0, 1, 2, 4, 8}) {
    auto bad = bytes;
    bad[at] = std::byte{0x7f};
    const auto source = decode_source(bad);
    ASSERT_FALSE(source) << at;
    EXPECT_EQ(source.error().code, ErrorCode::kIo);
  }
  bytes.push_back(std::byte{0});
  EXPECT_FALSE(decode_source(bytes));
}

}  // namespace
}  // namespace causeway
