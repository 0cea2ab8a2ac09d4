#include "tests/contract/path_contract.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <random>
#include <tuple>

#include "engine/base/limits.h"

namespace causeway {
namespace {

constexpr size_t kSinkBytes = 16u << 20;
constexpr uint64_t kSinkBlocks = kSinkBytes / kBlockBytes;

std::vector<std::byte> random_bytes(size_t bytes, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::byte> out(bytes);
  for (size_t i = 0; i + 8 <= bytes; i += 8) {
    const uint64_t word = random();
    std::memcpy(out.data() + i, &word, sizeof word);
  }
  return out;
}

// A raw put of blocks that stand in `memory` where they belong.
Put raw_put(std::span<const std::byte> memory, uint64_t first, uint32_t blocks,
            Version version = 1) {
  const auto bytes = static_cast<uint32_t>(blocks * kBlockBytes);
  return {{PutKind::kRaw, 0, version, first, blocks, bytes},
          memory.subspan(first * kBlockBytes, bytes)};
}

Put zero_put(uint64_t first, uint32_t blocks) {
  return {{PutKind::kZero, 0, 1, first, blocks, 0}, {}};
}

std::vector<PutHead> heads_of(std::span<const Put> puts) {
  std::vector<PutHead> heads;
  for (const Put& put : puts) heads.push_back(put.head);
  return heads;
}

}  // namespace

void PathContract::open(const PathLabOptions& options) {
  lab_ = GetParam()(options);
}

PathContract::Bulk PathContract::open_bulk(uint32_t worker) {
  Bulk bulk;
  bulk.sink = std::make_unique<MemorySink>(kSinkBytes);
  bulk.sender = lab_->outbound().open_bulk(worker).value();
  bulk.receiver = lab_->inbound().accept_bulk(worker, *bulk.sink).value();
  if (lab_->urgent()) bulk.sender->set_urgent(true);
  return bulk;
}

std::unique_ptr<ControlChannel> PathContract::open_control() {
  auto control = lab_->outbound().open_control().value();
  if (lab_->urgent()) control->set_urgent(true);
  return control;
}

void PathContract::drive(std::vector<Bulk*> bulks,
                         const std::function<bool()>& enough) {
  while (true) {
    WaitSet set;
    Instant until = kNever;
    bool moved = false;
    for (Bulk* bulk : bulks) {
      auto progress = bulk->sender->poll(lab_->now());
      ASSERT_TRUE(progress) << progress.error().message;
      bulk->released = progress->puts_released;
      bulk->fence = progress->fence_landed;
      auto received = bulk->receiver->poll(lab_->now());
      ASSERT_TRUE(received) << received.error().message;
      moved |= *received;
      until = std::min(until, bulk->sender->wait_on(set));
      until = std::min(until, bulk->receiver->wait_on(set));
    }
    if (enough()) return;
    if (moved) continue;
    ASSERT_TRUE(lab_->wait(set, until)) << "nothing will ever happen";
  }
}

void PathContract::post_all(Bulk& bulk, std::span<const Put> puts) {
  while (!puts.empty()) {
    auto taken = bulk.sender->post(puts);
    ASSERT_TRUE(taken) << taken.error().message;
    ASSERT_LE(*taken, puts.size());
    puts = puts.subspan(*taken);
    const uint64_t before = bulk.released;
    if (*taken == 0) {
      drive({&bulk}, [&] { return bulk.released > before; });
      if (HasFatalFailure()) return;
    }
  }
}

void PathContract::fence(Bulk& bulk, FenceId id) {
  while (!bulk.sender->post_fence(id).value()) {
    const uint64_t before = bulk.released;
    drive({&bulk}, [&] { return bulk.released > before; });
    if (HasFatalFailure()) return;
  }
  drive({&bulk}, [&] { return bulk.fence >= id; });
}

void PathContract::expect_landed(const Bulk& bulk, std::span<const Put> puts) {
  std::vector<PutHead> landed = bulk.sink->landed;
  std::vector<PutHead> posted = heads_of(puts);
  if (!lab_->keeps_order()) {
    const auto before = [](const PutHead& a, const PutHead& b) {
      return std::tie(a.first_block, a.blocks, a.kind, a.version) <
             std::tie(b.first_block, b.blocks, b.kind, b.version);
    };
    std::sort(landed.begin(), landed.end(), before);
    std::sort(posted.begin(), posted.end(), before);
  }
  EXPECT_TRUE(landed == posted);
}

// `sending` still has to move what it has queued.
std::vector<std::byte> PathContract::await_message(ControlChannel& receiving,
                                                   ControlChannel* sending) {
  while (true) {
    if (auto other = sending->receive(lab_->now()); !other || *other) {
      ADD_FAILURE() << "the other end was to say nothing";
      return {};
    }
    auto message = receiving.receive(lab_->now());
    if (!message || *message)
      return message ? **message : std::vector<std::byte>();
    WaitSet set;
    const Instant until =
        std::min(sending->wait_on(set), receiving.wait_on(set));
    if (!lab_->wait(set, until)) return {};
  }
}

ErrorCode PathContract::sender_error(Bulk& bulk) {
  while (true) {
    auto progress = bulk.sender->poll(lab_->now());
    if (!progress) return progress.error().code;
    WaitSet set;
    const Instant until = bulk.sender->wait_on(set);
    if (!lab_->wait(set, until)) return ErrorCode::kInternal;
  }
}

ErrorCode PathContract::receiver_error(Bulk& bulk) {
  while (true) {
    auto moved = bulk.receiver->poll(lab_->now());
    if (!moved) return moved.error().code;
    WaitSet set;
    const Instant until = bulk.receiver->wait_on(set);
    if (!*moved && !lab_->wait(set, until)) return ErrorCode::kInternal;
  }
}

TEST_P(PathContract, EachPutLandsOnceWhereItBelongs) {
  open();
  Bulk bulk = open_bulk();
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  const auto memory = random_bytes(kSinkBytes, seed);
  std::vector<std::byte> expected = memory;
  std::vector<Put> puts;
  for (uint64_t first = 0; first < kSinkBlocks;) {
    const auto blocks = static_cast<uint32_t>(
        std::min<uint64_t>(1 + random() % 64, kSinkBlocks - first));
    const bool zero = random() % 4 == 0;
    puts.push_back(zero ? zero_put(first, blocks)
                        : raw_put(memory, first, blocks));
    if (zero) {
      std::memset(expected.data() + first * kBlockBytes, 0,
                  blocks * kBlockBytes);
    }
    first += blocks;
  }
  std::shuffle(puts.begin(), puts.end(), random);
  bulk.sink->memory.assign(kSinkBytes, std::byte{0x5a});
  post_all(bulk, puts);
  fence(bulk, 1);
  expect_landed(bulk, puts);
  EXPECT_TRUE(bulk.sink->memory == expected);
}

TEST_P(PathContract, PutsLandWhereTheyBelongInTheOrderOfTheChannel) {
  open();
  if (!lab_->keeps_order()) {
    GTEST_SKIP() << "a striped path keeps no order of puts";
  }
  Bulk bulk = open_bulk();
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  const auto memory = random_bytes(kSinkBytes, seed);
  std::vector<Put> puts;
  for (int i = 0; i < 600; ++i) {
    const auto blocks = static_cast<uint32_t>(1 + random() % 64);
    const uint64_t first = random() % (kSinkBlocks - blocks);
    puts.push_back(random() % 4 == 0 ? zero_put(first, blocks)
                                     : raw_put(memory, first, blocks, i));
  }
  std::vector<std::byte> expected(kSinkBytes);
  for (const Put& put : puts) {
    std::byte* at = expected.data() + put.head.first_block * kBlockBytes;
    if (put.head.kind == PutKind::kZero) {
      std::memset(at, 0, put.head.blocks * kBlockBytes);
    } else {
      std::memcpy(at, put.payload.data(), put.payload.size());
    }
  }
  post_all(bulk, puts);
  drive({&bulk}, [&] { return bulk.sink->landed.size() == puts.size(); });
  EXPECT_EQ(bulk.sink->landed, heads_of(puts));
  EXPECT_TRUE(bulk.sink->memory == expected);
}

TEST_P(PathContract, FenceMeansThatAllBeforeItHasLanded) {
  open();
  Bulk bulk = open_bulk();
  const auto memory = random_bytes(kSinkBytes, 1);
  size_t posted = 0;
  for (FenceId id = 1; id <= 5; ++id) {
    std::vector<Put> puts;
    for (uint64_t i = 0; i < 40; ++i) {
      puts.push_back(raw_put(memory, i * 16, 16));
    }
    post_all(bulk, puts);
    posted += puts.size();
    ASSERT_LT(bulk.fence, id);
    fence(bulk, id);
    EXPECT_EQ(bulk.sink->landed.size(), posted);
    EXPECT_EQ(bulk.receiver->fence_landed(), id);
  }
}

TEST_P(PathContract, FenceNeedsNoPutBeforeIt) {
  open();
  Bulk bulk = open_bulk();
  fence(bulk, 3);
  EXPECT_EQ(bulk.fence, 3u);
  fence(bulk, 9);
  EXPECT_EQ(bulk.fence, 9u);
}

TEST_P(PathContract, FullIsAShortCountAndPassesWhenTheReceiverReads) {
  open();
  Bulk bulk = open_bulk();
  const auto memory = random_bytes(kSinkBytes, 2);
  const std::array puts{raw_put(memory, 0, 64)};
  size_t posted = 0;
  // The receiver does not read: the channel fills up, and says so.
  size_t refused = 0;
  while (refused < 3) {
    ASSERT_LT(posted, 10'000u) << "the channel is never full";
    const size_t taken = bulk.sender->post(puts).value();
    posted += taken;
    refused = taken == 0 ? refused + 1 : 0;
    ASSERT_TRUE(bulk.sender->poll(lab_->now()));
  }
  EXPECT_GE(posted, 1u);
  drive({&bulk}, [&] { return bulk.sink->landed.size() == posted; });
  EXPECT_EQ(bulk.sender->post(puts).value(), 1u);
}

TEST_P(PathContract, ManyPutsAreInFlightAndNoMoreThanSaid) {
  open();
  Bulk bulk = open_bulk();
  const auto memory = random_bytes(kBlockBytes, 3);
  const uint32_t most = bulk.sender->limits().puts_in_flight_max;
  EXPECT_GE(most, 16u);
  const std::vector<Put> puts(most + 1, raw_put(memory, 0, 1));
  const size_t taken = bulk.sender->post(puts).value();
  EXPECT_GE(taken, 16u);
  EXPECT_LE(taken, most);
}

TEST_P(PathContract, ReleasedPayloadIsFreeToChange) {
  open();
  Bulk bulk = open_bulk();
  std::vector<std::byte> buffer(4 * kBlockBytes);
  std::vector<std::byte> expected;
  for (uint64_t i = 0; i < 200; ++i) {
    const auto bytes = random_bytes(buffer.size(), 100 + i);
    expected.insert(expected.end(), bytes.begin(), bytes.end());
    std::copy(bytes.begin(), bytes.end(), buffer.begin());
    const std::array puts{Put{
        {PutKind::kRaw, 0, 1, i * 4, 4, static_cast<uint32_t>(buffer.size())},
        buffer}};
    post_all(bulk, puts);
    drive({&bulk}, [&] { return bulk.released == i + 1; });
    std::fill(buffer.begin(), buffer.end(), std::byte{0xee});
  }
  fence(bulk, 1);
  EXPECT_TRUE(
      std::equal(expected.begin(), expected.end(), bulk.sink->memory.begin()));
}

TEST_P(PathContract, EveryPutIsReleasedInTheEnd) {
  open();
  Bulk bulk = open_bulk();
  const auto memory = random_bytes(kSinkBytes, 4);
  std::vector<Put> puts;
  for (uint32_t i = 0; i < 500; ++i) {
    puts.push_back(i % 2 == 0 ? zero_put(i, 1) : raw_put(memory, i, 1 + i % 7));
  }
  post_all(bulk, puts);
  fence(bulk, 1);
  EXPECT_EQ(bulk.released, puts.size());
}

TEST_P(PathContract, ZeroRunOfAnyLengthCostsAFewBytes) {
  open();
  Bulk bulk = open_bulk();
  const std::array puts{zero_put(0, kSinkBlocks)};
  bulk.sink->memory.assign(kSinkBytes, std::byte{7});
  post_all(bulk, puts);
  fence(bulk, 1);
  EXPECT_TRUE(std::all_of(bulk.sink->memory.begin(), bulk.sink->memory.end(),
                          [](std::byte byte) { return byte == std::byte{0}; }));
  EXPECT_LE(bulk.receiver->wire_bytes(), 128u);
  EXPECT_EQ(bulk.sender->poll(lab_->now()).value().wire_bytes,
            bulk.receiver->wire_bytes());
}

TEST_P(PathContract, LargestPutLandsWhole) {
  open();
  Bulk bulk = open_bulk();
  const uint32_t bytes = bulk.sender->limits().payload_bytes_max;
  ASSERT_EQ(bytes, kPutBytesMax);
  const auto memory = random_bytes(kSinkBytes, 5);
  const std::array puts{raw_put(memory, 3, bytes / kBlockBytes)};
  post_all(bulk, puts);
  fence(bulk, 1);
  EXPECT_TRUE(std::equal(puts[0].payload.begin(), puts[0].payload.end(),
                         bulk.sink->memory.begin() + 3 * kBlockBytes));
}

TEST_P(PathContract, SmallBuffersOnlyCutTheBytesElsewhere) {
  open({1, /*tiny_buffers=*/true});
  Bulk bulk = open_bulk();
  const auto memory = random_bytes(kSinkBytes, 6);
  std::vector<Put> puts;
  for (uint32_t i = 0; i < 120; ++i) {
    puts.push_back(i % 3 == 0 ? zero_put(i, 3)
                              : raw_put(memory, i, 1 + i * 7 % 64, i));
  }
  post_all(bulk, puts);
  fence(bulk, 1);
  expect_landed(bulk, puts);
  if (!lab_->keeps_order()) return;  // puts that overlap
  const Put& last = puts.back();
  EXPECT_TRUE(std::equal(
      last.payload.begin(), last.payload.end(),
      bulk.sink->memory.begin() + last.head.first_block * kBlockBytes));
}

TEST_P(PathContract, SenderThatClosesBetweenPutsLosesNothing) {
  open();
  Bulk bulk = open_bulk();
  const auto memory = random_bytes(kSinkBytes, 7);
  const std::vector<Put> puts(50, raw_put(memory, 1, 2));
  post_all(bulk, puts);
  drive({&bulk}, [&] { return bulk.released == puts.size(); });
  EXPECT_FALSE(bulk.receiver->closed());
  bulk.sender.reset();
  while (!bulk.receiver->closed()) {
    auto moved = bulk.receiver->poll(lab_->now());
    ASSERT_TRUE(moved) << moved.error().message;
    WaitSet set;
    const Instant until = bulk.receiver->wait_on(set);
    if (*moved || bulk.receiver->closed()) continue;
    ASSERT_TRUE(lab_->wait(set, until));
  }
  EXPECT_EQ(bulk.sink->landed.size(), puts.size());
  EXPECT_FALSE(bulk.receiver->poll(lab_->now()).value());
}

TEST_P(PathContract, SenderLearnsThatTheReceiverIsGone) {
  open();
  Bulk bulk = open_bulk();
  bulk.receiver.reset();
  EXPECT_EQ(sender_error(bulk), ErrorCode::kConnectionLost);
}

TEST_P(PathContract, SinkThatRefusesEndsTheChannelAtBothEnds) {
  open();
  Bulk bulk = open_bulk();
  const auto memory = random_bytes(kSinkBytes, 8);
  const std::array puts{raw_put(memory, 0, 1), raw_put(memory, 5, 1),
                        raw_put(memory, 6, 1)};
  bulk.sink->refuse_block = 5;
  ASSERT_EQ(bulk.sender->post(puts).value(), puts.size());
  ASSERT_TRUE(bulk.sender->poll(lab_->now()));
  EXPECT_EQ(receiver_error(bulk), ErrorCode::kPeerBroken);
  EXPECT_LE(bulk.sink->landed.size(), lab_->keeps_order() ? 1u : 2u);
  EXPECT_GE(bulk.sink->landed.size(), lab_->keeps_order() ? 1u : 0u);
  EXPECT_FALSE(bulk.receiver->poll(lab_->now()));
  EXPECT_EQ(sender_error(bulk), ErrorCode::kConnectionLost);
}

TEST_P(PathContract, CutInMidPutIsAnErrorAtBothEnds) {
  open({1, /*tiny_buffers=*/true});
  Bulk bulk = open_bulk();
  auto source = open_control();
  auto target = lab_->inbound().accept_control().value();
  const auto memory = random_bytes(kSinkBytes, 9);
  const std::array puts{raw_put(memory, 0, 64), raw_put(memory, 64, 64)};
  post_all(bulk, puts);
  ASSERT_TRUE(bulk.sender->poll(lab_->now()));
  ASSERT_TRUE(bulk.receiver->poll(lab_->now()));
  ASSERT_LT(bulk.sink->landed.size(), puts.size());
  lab_->cut();
  EXPECT_EQ(sender_error(bulk), ErrorCode::kConnectionLost);
  EXPECT_EQ(receiver_error(bulk), ErrorCode::kConnectionLost);
  EXPECT_LT(bulk.sink->landed.size(), puts.size());
  EXPECT_EQ(source->receive(lab_->now()).error().code,
            ErrorCode::kConnectionLost);
  EXPECT_EQ(target->receive(lab_->now()).error().code,
            ErrorCode::kConnectionLost);
}

// Urgency changes what a loss costs, and nothing else: order, release and
// fences are as before, also where it begins and ends.
TEST_P(PathContract, WhatIsUrgentKeepsAllPromises) {
  open({2});
  std::array<Bulk, 2> bulks{open_bulk(0), open_bulk(1)};
  auto source = open_control();
  auto target = lab_->inbound().accept_control().value();
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  const auto memory = random_bytes(kSinkBytes, seed);
  std::vector<Put> puts;
  for (int i = 0; i < 25; ++i) {
    const auto blocks = static_cast<uint32_t>(1 + random() % 64);
    puts.push_back(raw_put(memory, random() % (kSinkBlocks - blocks), blocks));
  }
  FenceId fences = 0;
  for (const bool urgent : {false, true, false, true}) {
    for (Bulk& bulk : bulks) {
      bulk.sender->set_urgent(urgent);
      post_all(bulk, puts);
    }
    source->set_urgent(urgent);
    const auto message = random_bytes(200'000, ++fences);
    ASSERT_TRUE(source->send(message));
    for (Bulk& bulk : bulks) {
      fence(bulk, fences);
      ASSERT_EQ(bulk.sink->landed.size(), fences * puts.size());
      ASSERT_EQ(bulk.released, fences * puts.size());
      EXPECT_EQ(bulk.receiver->fence_landed(), fences);
    }
    EXPECT_EQ(await_message(*target, source.get()), message);
    ASSERT_TRUE(target->send(std::span(message).first(100)));
    EXPECT_EQ(await_message(*source, target.get()).size(), 100u);
  }
  for (const Bulk& bulk : bulks) {
    for (const Put& put : puts) {
      const uint64_t at = put.head.first_block * kBlockBytes;
      ASSERT_EQ(std::memcmp(bulk.sink->memory.data() + at, memory.data() + at,
                            put.payload.size()),
                0);
    }
  }
}

TEST_P(PathContract, ChannelsDoNotWaitForEachOther) {
  open({3});
  std::vector<Bulk> bulks;
  for (uint32_t worker = 0; worker < 3; ++worker) {
    bulks.push_back(open_bulk(worker));
  }
  const auto memory = random_bytes(kSinkBytes, 10);
  const std::vector<Put> puts(100, raw_put(memory, 2, 64));
  // Nobody reads channel 0; the others go on.
  ASSERT_TRUE(bulks[0].sender->post(puts));
  ASSERT_TRUE(bulks[0].sender->poll(lab_->now()));
  post_all(bulks[1], puts);
  fence(bulks[1], 1);
  post_all(bulks[2], puts);
  fence(bulks[2], 1);
  EXPECT_EQ(bulks[1].sink->landed.size(), puts.size());
  EXPECT_EQ(bulks[2].sink->landed.size(), puts.size());
  EXPECT_TRUE(bulks[0].sink->landed.empty());
  fence(bulks[0], 1);
  EXPECT_FALSE(bulks[0].sink->landed.empty());
}

TEST_P(PathContract, IdleEndsSleepForGood) {
  open();
  Bulk bulk = open_bulk();
  auto source = open_control();
  auto target = lab_->inbound().accept_control().value();
  const auto memory = random_bytes(kSinkBytes, 11);
  const std::vector<Put> puts(20, raw_put(memory, 0, 8));
  post_all(bulk, puts);
  fence(bulk, 1);
  ASSERT_TRUE(bulk.sender->poll(lab_->now()));
  EXPECT_FALSE(bulk.receiver->poll(lab_->now()).value());
  EXPECT_FALSE(source->receive(lab_->now()).value());
  EXPECT_FALSE(target->receive(lab_->now()).value());
  WaitSet set;
  EXPECT_EQ(bulk.sender->wait_on(set), kNever);
  EXPECT_EQ(bulk.receiver->wait_on(set), kNever);
  EXPECT_EQ(source->wait_on(set), kNever);
  EXPECT_EQ(target->wait_on(set), kNever);
  EXPECT_FALSE(lab_->is_ready(set));
}

TEST_P(PathContract, ControlMessagesUpToTheLimitArriveInOrderBothWays) {
  open();
  auto source = open_control();
  auto target = lab_->inbound().accept_control().value();
  const std::vector<size_t> sizes{1, 0, 5000, kControlMessageBytesMax, 17};
  const auto exchange = [&](ControlChannel& from, ControlChannel& to) {
    const auto bytes = random_bytes(kControlMessageBytesMax, 12);
    for (const size_t size : sizes) {
      ASSERT_TRUE(from.send(std::span(bytes).first(size)));
    }
    for (size_t got = 0; got < sizes.size();) {
      ASSERT_TRUE(from.receive(lab_->now()));
      auto message = to.receive(lab_->now());
      ASSERT_TRUE(message) << message.error().message;
      if (*message) {
        ASSERT_EQ((*message)->size(), sizes[got]);
        EXPECT_TRUE(
            std::equal((*message)->begin(), (*message)->end(), bytes.begin()));
        ++got;
        continue;
      }
      WaitSet set;
      const Instant until = std::min(from.wait_on(set), to.wait_on(set));
      ASSERT_TRUE(lab_->wait(set, until));
    }
  };
  exchange(*source, *target);
  exchange(*target, *source);
}

TEST_P(PathContract, ControlMessageBeyondTheLimitIsRefused) {
  open();
  auto source = open_control();
  const std::vector<std::byte> message(kControlMessageBytesMax + 1);
  EXPECT_EQ(source->send(message).error().code, ErrorCode::kInvalidArgument);
}

TEST_P(PathContract, ControlPeerThatDoesNotReadIsNoticed) {
  open();
  auto source = open_control();
  auto target = lab_->inbound().accept_control().value();
  const std::vector<std::byte> message(1u << 20);
  size_t sent = 0;
  Status status;
  while ((status = source->send(message))) {
    ASSERT_LT(++sent, 200u) << "the queue has no bound";
  }
  EXPECT_EQ(status.error().code, ErrorCode::kTimeout);
  EXPECT_GE((sent + 1) * message.size(), kControlQueueBytesMax / 2);
}

TEST_P(PathContract, ControlCloseComesAfterTheLastMessage) {
  open();
  auto source = open_control();
  auto target = lab_->inbound().accept_control().value();
  const auto message = random_bytes(64, 13);
  ASSERT_TRUE(source->send(message));
  source.reset();
  size_t messages = 0;
  while (true) {
    auto received = target->receive(lab_->now());
    if (!received) {
      EXPECT_EQ(received.error().code, ErrorCode::kConnectionLost);
      break;
    }
    messages += received->has_value();
    if (received->has_value()) continue;
    WaitSet set;
    const Instant until = target->wait_on(set);
    ASSERT_TRUE(lab_->wait(set, until));
  }
  EXPECT_EQ(messages, 1u);
}

}  // namespace causeway
