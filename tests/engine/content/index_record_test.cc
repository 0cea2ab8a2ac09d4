#include "engine/content/index_record.h"

#include <gtest/gtest.h>

#include "engine/content/limits.h"

namespace causeway {
namespace {

std::vector<IndexRecord> records(size_t count) {
  std::vector<IndexRecord> records;
  for (size_t i = 0; i < count; ++i) {
    IndexRecord& record = records.emplace_back();
    record.domain.fill(static_cast<std::byte>(i));
    record.size_bytes = kRegionBytesMax - i;
    record.mtime_ns = i % 2 == 0 ? -1 : 1'700'000'000'000'000'000;
    record.done_bytes = i * kBlockBytes;
  }
  return records;
}

TEST(IndexRecord, ComesBackAsItWas) {
  for (size_t count = 0; count <= kIndexRecordsMax; ++count) {
    const auto note = encode_index_records(records(count));
    EXPECT_LE(note.size(), kContentNoteBytesMax);
    EXPECT_EQ(*decode_index_records(note), records(count));
  }
  EXPECT_TRUE(decode_index_records({})->empty());
}

TEST(IndexRecord, IsRefusedWhenItIsNone) {
  const auto good = encode_index_records(records(2));
  const auto refused = [](const std::vector<std::byte>& note) {
    const auto read = decode_index_records(note);
    return !read && read.error().code == ErrorCode::kIo;
  };
  for (size_t bytes = 1; bytes < good.size(); ++bytes) {
    EXPECT_TRUE(
        refused({good.begin(), good.begin() + static_cast<ptrdiff_t>(bytes)}));
  }
  auto longer = good;
  longer.push_back(std::byte{0});
  EXPECT_TRUE(refused(longer));
  auto format = good;
  format[0] = std::byte{2};
  EXPECT_TRUE(refused(format));
  auto count = good;
  count[1] = std::byte{255};
  EXPECT_TRUE(refused(count));
  IndexRecord beyond{.size_bytes = 10, .done_bytes = 11};
  EXPECT_TRUE(refused(encode_index_records({&beyond, 1})));
  beyond = {.size_bytes = kRegionBytesMax + 1};
  EXPECT_TRUE(refused(encode_index_records({&beyond, 1})));
}

TEST(IndexRecord, DomainsHaveNamesOfTheirOwn) {
  ContentKey one{};
  ContentKey two{};
  two[31] = std::byte{1};
  EXPECT_EQ(*domain_name(one), *domain_name(one));
  EXPECT_NE(*domain_name(one), *domain_name(two));
}

}  // namespace
}  // namespace causeway
