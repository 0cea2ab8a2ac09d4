#include "engine/content/image_roots.h"

#include <gtest/gtest.h>

#include "engine/base/limits.h"

namespace causeway {
namespace {

TEST(ImageRoots, ComeBackFromTheirText) {
  ImageRoots image{0x1, {0xffffffffffffffff, 0, 0x0123456789abcdef}};
  EXPECT_EQ(decode_image_roots(encode_image_roots(image)), image);
  image.roots.resize(kRegionsMax);
  EXPECT_EQ(decode_image_roots(encode_image_roots(image)), image);
}

TEST(ImageRoots, NothingElseIsTaken) {
  const std::string one(16, '1');
  for (const std::string& text :
       {std::string(), one, one + "2", one + std::string(16, 'g'),
        one + "-" + std::string(15, '1'),
        std::string(16 * (kRegionsMax + 2), '1')}) {
    EXPECT_FALSE(decode_image_roots(text)) << text;
  }
  EXPECT_TRUE(decode_image_roots(one + one));
}

}  // namespace
}  // namespace causeway
