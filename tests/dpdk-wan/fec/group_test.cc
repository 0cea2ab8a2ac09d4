// Sender and receiver together, over a line that loses.
#include <gtest/gtest.h>

#include <random>

#include "dpdk-wan/fec/repair_share.h"
#include "tests/dpdk-wan/fec/symbol_line.h"

namespace causeway {
namespace {

std::vector<std::byte> random_bytes(size_t count, std::mt19937_64& dice) {
  std::vector<std::byte> bytes(count);
  for (std::byte& each : bytes) each = static_cast<std::byte>(dice());
  return bytes;
}

class Group : public testing::Test {
 protected:
  Group() : trace_(__FILE__, __LINE__, testing::Message() << "seed " << seed_) {
    printf("seed %llu\n", static_cast<unsigned long long>(seed_));
  }
  static uint64_t seed_of_run() {
    const char* given = std::getenv("CAUSEWAY_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10)
                            : std::random_device{}();
  }
  void expect_same(const SymbolLine& line) {
    ASSERT_TRUE(line.broken) << line.broken.error().message;
    for (uint16_t i = 0; i < line.sent.size(); ++i) {
      EXPECT_TRUE(line.places.whole(i) == line.sent[i]) << "stream " << i;
    }
  }
  const uint64_t seed_ = seed_of_run();
  std::mt19937_64 dice_{seed_};
  testing::ScopedTrace trace_;
};

TEST_F(Group, GivesWhatWasSent) {
  SymbolLine line(seed_, {}, 2);
  line.sent[0] = random_bytes(100'000, dice_);
  line.sent[1] = random_bytes(1, dice_);
  EXPECT_GE(line.carry(1000, 16, 2), 0);
  expect_same(line);
  EXPECT_EQ(line.sender->counters().resent, 0U);
  EXPECT_EQ(line.receiver->counters().repaired, 0U);
  EXPECT_EQ(line.sender->counters().recovered, 0U);
  EXPECT_TRUE(line.sender->idle());
}

// The point of it all: as long as no more is lost than repair makes good,
// nothing comes again and nobody waits.
TEST_F(Group, RepairCostsNoRoundTrip) {
  LineTrouble trouble;
  trouble.loss = 0.03;
  SymbolLine clean(seed_, {}, 1);
  SymbolLine lossy(seed_, trouble, 1);
  clean.sent[0] = lossy.sent[0] = random_bytes(400'000, dice_);
  const int steps = clean.carry(1000, 20, 16);
  // The last group may have to wait for its repair; a round trip is 80 steps.
  EXPECT_LE(lossy.carry(1000, 20, 16), steps + 16);
  expect_same(lossy);
  EXPECT_GT(lossy.receiver->counters().repaired, 0U);
  EXPECT_EQ(lossy.sender->counters().resent, 0U);
  EXPECT_GT(lossy.sender->counters().recovered, 0U);
  EXPECT_LE(lossy.sender->counters().recovered,
            lossy.receiver->counters().repaired);
}

TEST_F(Group, ComesAgainOverTheStreamWhenTooMuchIsLost) {
  LineTrouble trouble;
  trouble.loss = 0.3;
  trouble.reorder = 0.1;
  trouble.duplicate = 0.1;
  SymbolLine line(seed_, trouble, 3);
  for (auto& sent : line.sent) sent = random_bytes(200'000, dice_);
  EXPECT_GE(line.carry(700, 64, 2), 0);
  expect_same(line);
  EXPECT_GT(line.sender->counters().resent, 100U);
  // No more than the groups lacked.
  EXPECT_LT(line.sender->counters().resent, line.sender->counters().lost);
}

TEST_F(Group, WorksWithoutRepair) {
  LineTrouble trouble;
  trouble.loss = 0.05;
  SymbolLine line(seed_, trouble, 1);
  line.sent[0] = random_bytes(300'000, dice_);
  EXPECT_GE(line.carry(1400, 64, 0), 0);
  expect_same(line);
  EXPECT_EQ(line.sender->counters().resent, line.sender->counters().lost);
}

TEST_F(Group, SurvivesATransportThatForgetsToTell) {
  LineTrouble trouble;
  trouble.loss = 0.3;
  trouble.forgotten = 0.5;
  SymbolLine line(seed_, trouble, 1);
  line.sent[0] = random_bytes(100'000, dice_);
  EXPECT_GE(line.carry(1000, 32, 1), 0);
  expect_same(line);
}

TEST_F(Group, OfAnyShapeAtAnyLoss) {
  for (int run = 0; run < 60; ++run) {
    const auto pick = [&](size_t least, size_t most) {
      return std::uniform_int_distribution<size_t>(least, most)(dice_);
    };
    LineTrouble trouble;
    trouble.loss = static_cast<double>(pick(0, 60)) / 100;
    trouble.reorder = static_cast<double>(pick(0, 50)) / 100;
    trouble.duplicate = static_cast<double>(pick(0, 50)) / 100;
    SymbolLine line(dice_(), trouble, pick(1, 4));
    for (auto& sent : line.sent) sent = random_bytes(pick(0, 60'000), dice_);
    const size_t symbol = pick(kFecSymbolBytesMin, kFecSymbolBytesMax);
    const size_t sources = pick(1, kFecSourcesMax);
    const size_t repairs = pick(0, kFecRepairsMax);
    SCOPED_TRACE(testing::Message()
                 << "run " << run << ": " << sources << " + " << repairs
                 << " of " << symbol << ", loss " << trouble.loss);
    ASSERT_GE(line.carry(symbol, sources, repairs), 0);
    expect_same(line);
    // What was sent later on the same streams comes behind it.
    for (auto& sent : line.sent) {
      const auto more = random_bytes(pick(0, 5'000), dice_);
      sent.insert(sent.end(), more.begin(), more.end());
    }
    ASSERT_GE(line.carry(symbol, sources, repairs), 0);
    expect_same(line);
  }
}

// Each symbol by itself, of one group.
class Symbols : public Group {
 protected:
  void cut(const GroupHead& head) {
    // The stream goes on behind the group.
    bytes_ = random_bytes(head.bytes + 500, dice_);
    const iovec piece{bytes_.data(), bytes_.size()};
    sender_.begin(head, std::span(&piece, 1));
    bytes_.resize(head.bytes);
    for (;;) {
      const auto next = sender_.next();
      if (next.empty()) break;
      symbols_.emplace_back(next.begin(), next.end());
      sender_.sent({});
    }
  }
  static GroupHead head(uint64_t position, uint32_t bytes, uint8_t repairs) {
    GroupHead group;
    group.position = position;
    group.bytes = bytes;
    group.symbol_bytes = 100;
    group.repairs = repairs;
    return group;
  }
  bool broken(std::span<const std::byte> symbol) {
    Status taken = receiver_.take(symbol);
    return !taken && taken.error().code == ErrorCode::kPeerBroken;
  }

  GroupSender sender_;
  VectorPlaces places_{2, 100'000};
  GroupReceiver receiver_{places_};
  std::vector<std::byte> bytes_;
  std::vector<std::vector<std::byte>> symbols_;
};

TEST_F(Symbols, AnyAsManyAsThereAreSourcesGiveTheGroup) {
  cut(head(0, 950, 16));
  ASSERT_EQ(symbols_.size(), 26U);
  for (int run = 0; run < 200; ++run) {
    std::shuffle(symbols_.begin(), symbols_.end(), dice_);
    VectorPlaces places(1, 10'000);
    GroupReceiver receiver(places);
    for (size_t i = 0; i < 9; ++i) ASSERT_TRUE(receiver.take(symbols_[i]));
    ASSERT_EQ(places.end(0), 0U);
    ASSERT_TRUE(receiver.take(symbols_[9]));
    ASSERT_TRUE(places.whole(0) == bytes_);
    for (const auto& symbol : symbols_) ASSERT_TRUE(receiver.take(symbol));
    ASSERT_TRUE(places.whole(0) == bytes_) << "nothing is placed twice";
  }
}

TEST_F(Symbols, WaitForTheBytesBeforeThem) {
  cut(head(300, 500, 1));
  for (const auto& symbol : symbols_) ASSERT_TRUE(receiver_.take(symbol));
  EXPECT_EQ(places_.end(0), 0U);
  places_.append(0, std::vector<std::byte>(300));
  receiver_.stream_moved(0);
  EXPECT_EQ(places_.end(0), 800U);
}

TEST_F(Symbols, ThatBreakTheRulesAreRefused) {
  cut(head(0, 500, 1));
  ASSERT_TRUE(receiver_.take(symbols_[0]));
  auto other = symbols_[1];
  other[2] = std::byte{2};  // repairs
  EXPECT_TRUE(broken(other)) << "another shape at the same place";
  other = symbols_[1];
  other[3] = std::byte{2};
  EXPECT_TRUE(broken(other)) << "a stream that is not there";
  other = symbols_[1];
  other[15] = std::byte{1};
  EXPECT_TRUE(broken(other)) << "beyond the window";
  EXPECT_TRUE(broken({}));
  size_t opened = 1;
  for (uint32_t i = 1; i <= kFecGroupsOpenMax; ++i) {
    other = symbols_[0];
    other[12] = static_cast<std::byte>(i);
    other[13] = static_cast<std::byte>(i >> 8);
    if (!broken(other)) ++opened;
  }
  EXPECT_EQ(opened, kFecGroupsOpenMax);
}

// What the peer cannot count as landed is not forgotten here either, else it
// would be given more groups than it has room for.
TEST_F(Symbols, StayOpenWhileBytesBeforeThemAreUnderWay) {
  sender_.hold(0, true);
  size_t groups = 0;
  for (; sender_.ready(); ++groups) {
    cut(head(1000 + groups * 10, 10, 1));
    for (const auto& symbol : symbols_) ASSERT_TRUE(receiver_.take(symbol));
    symbols_.clear();
    sender_.on_acked(groups << 8);
    ASSERT_LE(groups, kFecGroupsOpenMax);
  }
  EXPECT_EQ(groups, kFecGroupsOpenMax);
  EXPECT_EQ(sender_.landed_to(0), 0U);
  places_.append(0, std::vector<std::byte>(1000));
  receiver_.stream_moved(0);
  EXPECT_EQ(places_.end(0), 1000U + groups * 10);
  sender_.hold(0, false);
  EXPECT_TRUE(sender_.idle());
  EXPECT_EQ(sender_.landed_to(0), places_.end(0));
}

TEST_F(Symbols, AnswersThatMakeNoSenseAreNotHeeded) {
  cut(head(0, 500, 1));
  for (const GroupSender::Id id : {~0ull, 0x1ffull, 0x0600ull, 0x06ull}) {
    sender_.on_acked(id);
    sender_.on_lost(id);
  }
  EXPECT_EQ(sender_.counters().lost, 0U);
  sender_.on_lost(0);
  sender_.on_lost(0);
  EXPECT_EQ(sender_.counters().lost, 1U);
  EXPECT_FALSE(sender_.next_owed()) << "the repair makes it good";
  sender_.on_lost(5);
  ASSERT_TRUE(sender_.next_owed());
  EXPECT_EQ(sender_.next_owed()->index, 0);
  sender_.on_acked(0);  // late, but there
  EXPECT_FALSE(sender_.next_owed());
}

}  // namespace
}  // namespace causeway
