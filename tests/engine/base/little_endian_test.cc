#include "engine/base/little_endian.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace causeway {
namespace {

TEST(LittleEndian, TheLowestByteIsFirst) {
  std::array<std::byte, 4> bytes{};
  store_le<uint32_t>(bytes.data(), 0x04030201);
  for (size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_EQ(bytes[i], static_cast<std::byte>(i + 1));
  }
  EXPECT_EQ(load_le<uint32_t>(bytes.data()), 0x04030201u);
  EXPECT_EQ(load_le<uint16_t>(bytes.data() + 1), 0x0302u);
}

TEST(LittleEndian, TouchesItsOwnBytesAtAnyPlace) {
  std::array<std::byte, 17> bytes;
  for (size_t at = 0; at + 8 <= bytes.size(); ++at) {
    bytes.fill(std::byte{0xee});
    store_le(bytes.data() + at, uint64_t{0x8877665544332211});
    EXPECT_EQ(load_le<uint64_t>(bytes.data() + at), 0x8877665544332211u);
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (i >= at && i < at + 8) continue;
      EXPECT_EQ(bytes[i], std::byte{0xee});
    }
  }
}

}  // namespace
}  // namespace causeway
