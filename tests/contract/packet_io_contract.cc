#include "tests/contract/packet_io_contract.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <random>
#include <set>

#include "engine/base/assert.h"

namespace causeway {
namespace {

using namespace std::chrono_literals;

// Bounds a test that hangs; nothing that passes waits for it.
constexpr Duration kHung = 20s;
// Long enough for what must not come to come.
constexpr Duration kQuiet = 50ms;
// Under way at once: less than any receiver's buffers.
constexpr size_t kUnderWay = 32;

std::vector<std::byte> random_bytes(size_t bytes, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::byte> out(bytes);
  for (std::byte& byte : out) byte = static_cast<std::byte>(random());
  return out;
}

// A number in front, so that each is known again.
std::vector<std::byte> numbered(uint64_t number, size_t bytes) {
  auto out = random_bytes(std::max(bytes, sizeof number), number);
  std::memcpy(out.data(), &number, sizeof number);
  return out;
}

uint64_t number_of(std::span<const std::byte> payload) {
  uint64_t number = 0;
  CAUSEWAY_ASSERT(payload.size() >= sizeof number);
  std::memcpy(&number, payload.data(), sizeof number);
  return number;
}

SocketAddress with_port(SocketAddress address, uint16_t port) {
  // At the same place for both families.
  static_assert(offsetof(sockaddr_in, sin_port) ==
                offsetof(sockaddr_in6, sin6_port));
  reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port = htons(port);
  return address;
}

}  // namespace

void PacketIoContract::SetUp() {
  auto lab = GetParam()();
  if (!lab && lab.error().code == ErrorCode::kPermission) {
    GTEST_SKIP() << lab.error().message;
  }
  ASSERT_TRUE(lab) << lab.error().message;
  lab_ = std::move(*lab);
}

void PacketIoContract::send(PacketIo& from, std::span<const std::byte> payload,
                            const SocketAddress& to, uint8_t ecn) {
  std::span<std::byte> room = from.next_packet();
  if (room.empty()) {
    flush(from);
    room = from.next_packet();
  }
  ASSERT_GE(room.size(), payload.size());
  std::copy(payload.begin(), payload.end(), room.begin());
  from.send_packet(payload.size(), to, ecn);
}

void PacketIoContract::flush(PacketIo& from) {
  const Instant until = lab_->now() + kHung;
  while (lab_->now() < until) {
    const auto flushed = from.flush();
    ASSERT_TRUE(flushed) << flushed.error().message;
    if (*flushed) return;
    WaitSet set;
    lab_->wait(set, from.wait_on(set, lab_->now()));
  }
  FAIL() << "the end stays full";
}

bool PacketIoContract::serve(PacketIo& io, std::vector<Arrived>* arrived) {
  std::array<ReceivedPacket, kUnderWay> packets;
  const auto count = io.receive(packets, lab_->now());
  EXPECT_TRUE(count) << count.error().message;
  if (!count) return false;
  EXPECT_LE(*count, packets.size());
  for (size_t i = 0; arrived != nullptr && i < *count; ++i) {
    const ReceivedPacket& packet = packets[i];
    arrived->push_back({{packet.payload.begin(), packet.payload.end()},
                        packet.from,
                        packet.ecn});
  }
  // What waited for a neighbour may leave now.
  EXPECT_TRUE(io.flush());
  return *count > 0;
}

void PacketIoContract::meet() {
  for (PacketIo* from : {&a(), &b()}) {
    PacketIo& to = from == &a() ? b() : a();
    send(*from, numbered(0, 100), to.local());
    flush(*from);
    ASSERT_EQ(arrive(to, 1).size(), 1u);
  }
}

void PacketIoContract::sleep() {
  WaitSet set;
  const Instant now = lab_->now();
  const Instant until = std::min(a().wait_on(set, now), b().wait_on(set, now));
  if (until > now) lab_->wait(set, until);
}

std::vector<PacketIoContract::Arrived> PacketIoContract::arrive(PacketIo& to,
                                                                size_t count) {
  std::vector<Arrived> arrived;
  const Instant until = lab_->now() + kHung;
  PacketIo& other = &to == &a() ? b() : a();
  while (arrived.size() < count && lab_->now() < until) {
    const bool some = serve(to, &arrived);
    if (!serve(other, nullptr) && !some) sleep();
  }
  return arrived;
}

std::vector<PacketIoContract::Arrived> PacketIoContract::arrive_within(
    PacketIo& to, Duration time) {
  std::vector<Arrived> arrived;
  const Instant until = lab_->now() + time;
  PacketIo& other = &to == &a() ? b() : a();
  while (lab_->now() < until) {
    serve(to, &arrived);
    serve(other, nullptr);
    lab_->wait({}, lab_->now() + 1ms);
  }
  return arrived;
}

TEST_P(PacketIoContract, ADatagramArrivesWithItsSendersAddress) {
  const Bytes payload = numbered(1, 100);
  send(a(), payload, b().local());
  flush(a());
  const auto arrived = arrive(b(), 1);
  ASSERT_EQ(arrived.size(), 1u);
  EXPECT_EQ(arrived[0].payload, payload);
  EXPECT_EQ(arrived[0].from.text(), a().local().text());
  EXPECT_EQ(arrived[0].ecn, 0);
}

TEST_P(PacketIoContract, WhoeverIsWrittenToCanAnswer) {
  send(a(), numbered(1, 100), b().local());
  flush(a());
  const auto asked = arrive(b(), 1);
  ASSERT_EQ(asked.size(), 1u);
  const Bytes answer = numbered(2, 700);
  send(b(), answer, asked[0].from);
  flush(b());
  const auto answered = arrive(a(), 1);
  ASSERT_EQ(answered.size(), 1u);
  EXPECT_EQ(answered[0].payload, answer);
  EXPECT_EQ(answered[0].from.text(), b().local().text());
}

TEST_P(PacketIoContract, EverySizeArrivesAsItWas) {
  const size_t largest = a().payload_bytes_max();
  ASSERT_GE(largest, 1200u) << "no room for QUIC (RFC 9000, 14)";
  for (const size_t bytes :
       {size_t{1}, size_t{2}, size_t{3}, size_t{17}, size_t{18}, size_t{19},
        size_t{1199}, size_t{1200}, largest - 1, largest}) {
    const Bytes payload = random_bytes(bytes, bytes);
    send(a(), payload, b().local());
    flush(a());
    const auto arrived = arrive(b(), 1);
    ASSERT_EQ(arrived.size(), 1u) << bytes;
    EXPECT_EQ(arrived[0].payload, payload) << bytes;
  }
}

// Every payload gives another checksum, also the odd ones: 0 and 0xffff.
TEST_P(PacketIoContract, EveryChecksumArrives) {
  meet();
  for (uint32_t word = 0; word < 65536;) {
    for (size_t i = 0; i < kUnderWay; ++i, ++word) {
      const std::array<std::byte, 2> payload{static_cast<std::byte>(word >> 8),
                                             static_cast<std::byte>(word)};
      send(a(), payload, b().local());
    }
    flush(a());
    ASSERT_EQ(arrive(b(), kUnderWay).size(), kUnderWay) << "before " << word;
  }
}

TEST_P(PacketIoContract, TheRoomIsOfTheLargestSizeAndStaysUntilItIsSent) {
  const std::span<std::byte> room = a().next_packet();
  ASSERT_EQ(room.size(), a().payload_bytes_max());
  EXPECT_EQ(a().next_packet().data(), room.data());
  ASSERT_TRUE(a().flush());
  EXPECT_EQ(a().next_packet().data(), room.data());
}

TEST_P(PacketIoContract, AllMarksOfCongestionArrive) {
  for (uint8_t ecn = 0; ecn < 4; ++ecn) {
    send(a(), numbered(ecn, 50), b().local(), ecn);
  }
  flush(a());
  const auto arrived = arrive(b(), 4);
  ASSERT_EQ(arrived.size(), 4u);
  for (const Arrived& one : arrived) {
    EXPECT_EQ(one.ecn, number_of(one.payload));
  }
}

// Same sizes and mixed ones, marks and sleeps as they come.
TEST_P(PacketIoContract, ManyRandomDatagramsArriveOnceEach) {
  meet();
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  RecordProperty("seed", std::to_string(seed));
  std::mt19937_64 random(seed);
  std::set<uint64_t> seen;
  uint64_t next = 0;
  while (next < 3000) {
    const size_t burst = 1 + random() % kUnderWay;
    const size_t same = 8 + random() % (a().payload_bytes_max() - 8);
    const bool mixed = random() % 2 == 0;
    for (size_t i = 0; i < burst; ++i) {
      const size_t bytes =
          mixed ? 8 + random() % (a().payload_bytes_max() - 7) : same;
      send(a(), numbered(next++, bytes), b().local(), random() % 4);
    }
    flush(a());
    for (const Arrived& one : arrive(b(), burst)) {
      const uint64_t number = number_of(one.payload);
      EXPECT_EQ(one.payload, numbered(number, one.payload.size()));
      EXPECT_TRUE(seen.insert(number).second) << number << " came twice";
    }
    ASSERT_EQ(seen.size(), next);
  }
}

TEST_P(PacketIoContract, BothDirectionsAtOnce) {
  meet();
  constexpr size_t kRounds = 50;
  for (size_t round = 0; round < kRounds; ++round) {
    for (size_t i = 0; i < kUnderWay; ++i) {
      send(a(), numbered(i, 900), b().local());
      send(b(), numbered(i, 300), a().local());
    }
    flush(a());
    flush(b());
    std::array<ReceivedPacket, kUnderWay> packets;
    size_t at_a = 0;
    size_t at_b = 0;
    const Instant until = lab_->now() + kHung;
    while ((at_a < kUnderWay || at_b < kUnderWay) && lab_->now() < until) {
      at_a += a().receive(packets, lab_->now()).value();
      at_b += b().receive(packets, lab_->now()).value();
      ASSERT_TRUE(a().flush());
      ASSERT_TRUE(b().flush());
    }
    ASSERT_EQ(at_a, kUnderWay) << "in round " << round;
    ASSERT_EQ(at_b, kUnderWay) << "in round " << round;
  }
}

TEST_P(PacketIoContract, PayloadsStayUntilTheNextCall) {
  meet();
  send(a(), numbered(1, 1000), b().local());
  flush(a());
  std::array<ReceivedPacket, kUnderWay> packets;
  size_t count = 0;
  for (const Instant until = lab_->now() + kHung;
       count == 0 && lab_->now() < until;) {
    count = b().receive(packets, lab_->now()).value();
  }
  ASSERT_EQ(count, 1u);
  // Neither what comes nor what is sent may touch it.
  for (uint64_t i = 0; i < kUnderWay; ++i) {
    send(a(), numbered(100 + i, 1000), b().local());
    send(b(), numbered(200 + i, 1000), a().local());
  }
  flush(a());
  flush(b());
  const Bytes expected = numbered(1, 1000);
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(),
                         packets[0].payload.begin(), packets[0].payload.end()));
  EXPECT_EQ(arrive(b(), kUnderWay).size(), kUnderWay);
}

TEST_P(PacketIoContract, WhatHasNoRoomInOneCallComesWithTheNext) {
  meet();
  for (uint64_t i = 0; i < kUnderWay; ++i) {
    send(a(), numbered(i, 600), b().local());
  }
  flush(a());
  std::set<uint64_t> seen;
  const Instant until = lab_->now() + kHung;
  while (seen.size() < kUnderWay && lab_->now() < until) {
    std::array<ReceivedPacket, 3> packets;
    const size_t count = b().receive(packets, lab_->now()).value();
    ASSERT_LE(count, packets.size());
    for (size_t i = 0; i < count; ++i) {
      seen.insert(number_of(packets[i].payload));
    }
    ASSERT_TRUE(b().flush());
    serve(a(), nullptr);
  }
  EXPECT_EQ(seen.size(), kUnderWay);
}

TEST_P(PacketIoContract, NothingComesOfNothing) {
  EXPECT_TRUE(arrive_within(a(), kQuiet).empty());
  EXPECT_TRUE(arrive_within(b(), kQuiet).empty());
  EXPECT_TRUE(a().flush().value());
  EXPECT_EQ(a().stats().packets_sent, 0u);
  EXPECT_EQ(a().stats().packets_received, 0u);
}

TEST_P(PacketIoContract, WhatIsForAnotherPortDoesNotCome) {
  const SocketAddress other =
      with_port(b().local(), static_cast<uint16_t>(b().local().port() ^ 0x100));
  send(a(), numbered(1, 100), other);
  send(a(), numbered(2, 100), b().local());
  flush(a());
  const auto arrived = arrive(b(), 1);
  ASSERT_EQ(arrived.size(), 1u);
  EXPECT_EQ(number_of(arrived[0].payload), 2u);
  EXPECT_TRUE(arrive_within(b(), kQuiet).empty());
}

// Nobody there: no error, no end, and nothing of it reaches anybody else.
TEST_P(PacketIoContract, WhatNobodyTakesHoldsUpNothing) {
  meet();
  for (uint64_t i = 0; i < 4 * kUnderWay; ++i) {
    send(a(), numbered(1000 + i, 200 + i), lab_->nowhere());
    send(a(), numbered(i, 700 - i), b().local());
    if (i % (kUnderWay / 4) != kUnderWay / 4 - 1) continue;
    flush(a());
    const auto arrived = arrive(b(), kUnderWay / 4);
    ASSERT_EQ(arrived.size(), kUnderWay / 4);
    for (const Arrived& one : arrived) {
      EXPECT_LT(number_of(one.payload), 1000u);
    }
  }
}

// It says so by an empty room or by flush(), not by losing what it took.
TEST_P(PacketIoContract, AFullEndTakesAgainAfterAFlush) {
  constexpr uint64_t kTries = 100'000;
  meet();
  const uint64_t before = a().stats().packets_sent;
  uint64_t taken = 0;
  for (; taken < kTries; ++taken) {
    const std::span<std::byte> room = a().next_packet();
    if (room.empty()) break;
    std::fill_n(room.begin(), 1000, std::byte{7});
    a().send_packet(1000, b().local(), 0);
  }
  EXPECT_GT(taken, 0u);
  flush(a());
  EXPECT_FALSE(a().next_packet().empty());
  const PacketIoStats stats = a().stats();
  EXPECT_EQ(stats.packets_sent + stats.packets_dropped - before, taken);
}

TEST_P(PacketIoContract, ASleeperWakesForADatagramAndSleepsWithoutOne) {
  meet();
  (void)arrive_within(b(), 2 * kQuiet);
  {
    WaitSet set;
    const Instant now = lab_->now();
    EXPECT_GT(b().wait_on(set, now), now) << "it would spin";
  }
  for (uint64_t i = 1; i <= 20; ++i) {
    send(a(), numbered(i, 100), b().local());
    flush(a());
    const Instant sent = lab_->now();
    // As it is told, by nothing else.
    std::vector<Arrived> arrived;
    while (arrived.empty() && lab_->now() - sent < kHung) {
      WaitSet set;
      lab_->wait(set, b().wait_on(set, lab_->now()));
      serve(b(), &arrived);
    }
    ASSERT_EQ(arrived.size(), 1u);
    EXPECT_EQ(number_of(arrived[0].payload), i);
    EXPECT_LT(lab_->now() - sent, 1s) << "it sleeps too long";
  }
}

TEST_P(PacketIoContract, CountsAgree) {
  constexpr uint64_t kBytes = 321;
  for (uint64_t i = 0; i < kUnderWay; ++i) {
    send(a(), numbered(i, kBytes), b().local());
    flush(a());
    ASSERT_EQ(arrive(b(), 1).size(), 1u);
  }
  EXPECT_EQ(a().stats().packets_sent, kUnderWay);
  EXPECT_EQ(a().stats().bytes_sent, kUnderWay * kBytes);
  EXPECT_GT(a().stats().send_calls, 0u);
  EXPECT_LE(a().stats().send_calls, 2 * kUnderWay);
  EXPECT_EQ(a().stats().packets_dropped, 0u);
  EXPECT_EQ(b().stats().packets_received, kUnderWay);
  EXPECT_EQ(b().stats().bytes_received, kUnderWay * kBytes);
  EXPECT_EQ(b().stats().packets_sent, 0u);
}

}  // namespace causeway
