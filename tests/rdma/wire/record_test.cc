#include "rdma/wire/record.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "rdma/wire/switch_over.h"

namespace causeway {
namespace {

using Buffer = std::array<std::byte, kRdmaMessageBytes>;

PutHead raw_head(uint32_t blocks) {
  return {PutKind::kRaw, 3,      7,
          1000,          blocks, static_cast<uint32_t>(blocks * kBlockBytes)};
}

// One message with one record; what it decodes to.
Result<RdmaRecord> there_and_back(const RdmaRecord& record) {
  Buffer buffer;
  RdmaMessageWriter writer(buffer, 5);
  writer.add(record);
  const uint32_t bytes = writer.finish();
  CAUSEWAY_ASSIGN(RdmaMessageReader reader,
                  RdmaMessageReader::open(std::span(buffer).first(bytes)));
  EXPECT_EQ(reader.number(), 5u);
  EXPECT_EQ(reader.left(), 1u);
  return reader.next();
}

TEST(RdmaRecordTest, EachKindComesBack) {
  const auto in_place =
      there_and_back({RecordKind::kInPlace, 0, Frame{0, raw_head(16)}, {}});
  ASSERT_TRUE(in_place);
  EXPECT_EQ(in_place->frame.put, raw_head(16));
  const auto staged =
      there_and_back({RecordKind::kStaged, 4096, Frame{0, raw_head(2)}, {}});
  ASSERT_TRUE(staged);
  EXPECT_EQ(staged->staging_offset, 4096u);
  const auto fence = there_and_back({RecordKind::kPlain, 0, Frame{9, {}}, {}});
  ASSERT_TRUE(fence);
  EXPECT_EQ(fence->frame.fence, 9u);
  const BlockRange extent{2, 512, 512};
  for (const RecordKind kind : {RecordKind::kWant, RecordKind::kDrop}) {
    const auto errand = there_and_back({kind, 0, {}, extent});
    ASSERT_TRUE(errand);
    EXPECT_EQ(errand->kind, kind);
    EXPECT_EQ(errand->extent, extent);
  }
}

TEST(RdmaRecordTest, AMessageTakesSoManyAndNoMore) {
  Buffer buffer;
  RdmaMessageWriter writer(buffer, 1);
  while (!writer.full()) {
    writer.add({RecordKind::kPlain, 0, Frame{1, {}}, {}});
  }
  EXPECT_EQ(writer.records(), kRdmaRecordsMax);
  const uint32_t bytes = writer.finish();
  EXPECT_LE(bytes, kRdmaMessageBytes);
  auto reader = RdmaMessageReader::open(std::span(buffer).first(bytes));
  ASSERT_TRUE(reader);
  size_t read = 0;
  for (; reader->left() > 0; ++read) ASSERT_TRUE(reader->next());
  EXPECT_EQ(read, kRdmaRecordsMax);
}

TEST(RdmaRecordTest, WhatDoesNotFitItsKindIsRefused) {
  const PutHead zero{PutKind::kZero, 0, 1, 0, 10, 0};
  // Nothing of a zero put lies anywhere; a raw one says where.
  EXPECT_FALSE(there_and_back({RecordKind::kInPlace, 0, Frame{0, zero}, {}}));
  EXPECT_FALSE(there_and_back({RecordKind::kStaged, 0, Frame{0, zero}, {}}));
  EXPECT_FALSE(
      there_and_back({RecordKind::kPlain, 0, Frame{0, raw_head(1)}, {}}));
  // Beyond any ring.
  const auto end = static_cast<uint32_t>(kRdmaStagingBytes);
  for (const uint32_t offset : {end, end - 4095, UINT32_MAX}) {
    EXPECT_FALSE(there_and_back(
        {RecordKind::kStaged, offset, Frame{0, raw_head(1)}, {}}));
  }
  EXPECT_TRUE(there_and_back(
      {RecordKind::kStaged, end - 4096, Frame{0, raw_head(1)}, {}}));
}

TEST(RdmaRecordTest, AnExtentIsOneOfAGuest) {
  constexpr uint64_t kMost = kRegionBytesMax / kBlockBytes;
  const uint64_t most_blocks = kRdmaExtentBytesMax / kBlockBytes;
  for (const BlockRange& bad :
       {BlockRange{0, 0, 0}, BlockRange{0, 0, most_blocks + 1},
        BlockRange{0, kMost, 1}, BlockRange{0, UINT64_MAX, 1}}) {
    EXPECT_FALSE(there_and_back({RecordKind::kWant, 0, {}, bad}));
  }
  EXPECT_TRUE(there_and_back(
      {RecordKind::kWant, 0, {}, {0, kMost - most_blocks, most_blocks}}));
}

TEST(RdmaRecordTest, AMessageOfAnotherLengthIsRefused) {
  Buffer buffer;
  RdmaMessageWriter writer(buffer, 1);
  writer.add({RecordKind::kPlain, 0, Frame{1, {}}, {}});
  const uint32_t bytes = writer.finish();
  const std::span<const std::byte> all(buffer);
  for (const uint32_t wrong : {0u, 15u, 16u, bytes - 1, bytes + 1}) {
    EXPECT_FALSE(RdmaMessageReader::open(all.first(wrong))) << wrong;
  }
  buffer[0] ^= std::byte{1};
  EXPECT_FALSE(RdmaMessageReader::open(all.first(bytes)));
}

TEST(RdmaRecordTest, AnswersCarryKeys) {
  Buffer buffer;
  RdmaAnswerWriter writer(buffer);
  const BlockRange extent{1, 512, 100};
  writer.add({extent, true, 0x7f0012345000, 0xbeef});
  writer.add({{1, 1024, 1}, false, 0, 0});
  writer.add({{1, 1025, 9}, false, 0, 0, true});
  const uint32_t bytes = writer.finish(17);
  auto reader = RdmaAnswerReader::open(std::span(buffer).first(bytes));
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->taken(), 17u);
  ASSERT_EQ(reader->left(), 3u);
  const auto key = reader->next();
  ASSERT_TRUE(key);
  EXPECT_EQ(key->extent, extent);
  EXPECT_TRUE(key->registered);
  EXPECT_EQ(key->address, 0x7f0012345000u);
  EXPECT_EQ(key->key, 0xbeefu);
  EXPECT_FALSE(key->hole);
  const auto refused = reader->next();
  EXPECT_FALSE(refused.value().registered || refused.value().hole);
  const auto hole = reader->next();
  EXPECT_TRUE(hole.value().hole);
  EXPECT_FALSE(hole.value().registered);
  EXPECT_FALSE(RdmaAnswerReader::open(std::span(buffer).first(bytes - 1)));
  EXPECT_FALSE(RdmaMessageReader::open(std::span(buffer).first(bytes)));
}

TEST(SwitchOverTest, ComesBackAndIsNothingElse) {
  const SwitchOver left{SwitchOver::Kind::kLeft, 123};
  auto bytes = encode_switch_over(left);
  const auto back = decode_switch_over(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->kind, SwitchOver::Kind::kLeft);
  EXPECT_EQ(back->taken, 123u);
  for (const size_t at : {size_t{0}, size_t{5}, size_t{20}}) {
    auto wrong = bytes;
    wrong[at] ^= std::byte{0x40};
    EXPECT_FALSE(decode_switch_over(wrong)) << at;
  }
  // Who asks has taken nothing.
  EXPECT_FALSE(decode_switch_over(
      encode_switch_over({SwitchOver::Kind::kPleaseLeave, 1})));
}

}  // namespace
}  // namespace causeway
