#include "dpdk-wan/fec/symbol.h"

#include <gtest/gtest.h>

#include <vector>

#include "dpdk-wan/fec/symbol_records.h"

namespace causeway {
namespace {

using Bytes = std::vector<std::byte>;

GroupHead some_group() {
  GroupHead group;
  group.stream = 3;
  group.position = 0x1234'5678'9abc;
  group.bytes = 2500;
  group.symbol_bytes = 1000;
  group.repairs = 2;
  return group;
}

Bytes wire(const GroupHead& group, uint8_t index, size_t payload) {
  Bytes bytes(kSymbolHeadBytes + payload, std::byte{0x5a});
  encode_symbol_head(
      group, index,
      std::span<std::byte, kSymbolHeadBytes>(bytes.data(), kSymbolHeadBytes));
  return bytes;
}

TEST(Symbol, ComesBackAsItWas) {
  const GroupHead group = some_group();
  EXPECT_EQ(group.sources(), 3U);
  EXPECT_EQ(group.symbols(), 5U);
  const size_t lengths[] = {1000, 1000, 500, 1000, 1000};
  for (uint8_t index = 0; index < 5; ++index) {
    EXPECT_EQ(group.payload_bytes(index), lengths[index]);
    const Bytes bytes = wire(group, index, lengths[index]);
    const auto symbol = decode_symbol(bytes);
    ASSERT_TRUE(symbol) << symbol.error().message;
    EXPECT_EQ(symbol->group, group);
    EXPECT_EQ(symbol->index, index);
    EXPECT_EQ(symbol->payload.size(), lengths[index]);
  }
}

TEST(Symbol, RefusesWhatIsBeyondItsLimits) {
  const Bytes good = wire(some_group(), 0, 1000);
  const auto refused = [&](size_t at, uint8_t value) {
    Bytes bytes = good;
    bytes[at] = std::byte{value};
    const auto symbol = decode_symbol(bytes);
    return !symbol && symbol.error().code == ErrorCode::kPeerBroken;
  };
  EXPECT_TRUE(refused(0, 2)) << "another format";
  EXPECT_TRUE(refused(1, 5)) << "an index beyond the group";
  EXPECT_TRUE(refused(1, 2)) << "a shorter symbol";
  EXPECT_TRUE(refused(2, kFecRepairsMax + 1));
  EXPECT_TRUE(refused(5, 0xff)) << "long symbols";
  EXPECT_TRUE(refused(6, 1)) << "reserved";
  EXPECT_TRUE(refused(11, 1)) << "too many sources";
  EXPECT_TRUE(refused(19, 0x7f)) << "a position that could overflow";
  EXPECT_FALSE(refused(3, 4)) << "another stream";
  for (size_t bytes = 0; bytes < good.size(); bytes += 17) {
    EXPECT_FALSE(decode_symbol(std::span(good).first(bytes)));
  }
  Bytes longer = good;
  longer.push_back({});
  EXPECT_FALSE(decode_symbol(longer));
}

class Kept final : public SymbolRecords::Taker {
 public:
  Status take_symbol(std::span<const std::byte> symbol) override {
    symbols.emplace_back(symbol.begin(), symbol.end());
    return {};
  }
  std::vector<Bytes> symbols;
};

TEST(SymbolRecords, ComeInAnyPieces) {
  const Bytes symbols[] = {wire(some_group(), 0, 1000),
                           wire(some_group(), 2, 500)};
  Bytes stream;
  const auto add = [&](const Bytes& symbol) {
    std::array<std::byte, kSymbolRecordHeadBytes> head;
    encode_record_head(symbol.size(), head);
    stream.insert(stream.end(), head.begin(), head.end());
    stream.insert(stream.end(), symbol.begin(), symbol.end());
  };
  add({});
  add(symbols[0]);
  add({});
  add({});
  add(symbols[1]);
  add({});
  for (const size_t step : {size_t{1}, size_t{2}, size_t{7}, stream.size()}) {
    SymbolRecords records;
    Kept kept;
    for (size_t at = 0; at < stream.size(); at += step) {
      const size_t count = std::min(step, stream.size() - at);
      ASSERT_TRUE(records.take(std::span(stream).subspan(at, count), kept));
    }
    ASSERT_EQ(kept.symbols.size(), 2U) << step;
    EXPECT_EQ(kept.symbols[0], symbols[0]);
    EXPECT_EQ(kept.symbols[1], symbols[1]);
  }
}

TEST(SymbolRecords, RefuseWhatIsLongerThanASymbol) {
  SymbolRecords records;
  Kept kept;
  const std::array<std::byte, 3> head{std::byte{0xff}, std::byte{0xff}};
  EXPECT_FALSE(records.take(head, kept));
}

}  // namespace
}  // namespace causeway
