// The model of a link, in virtual time: exact.
#include "tools/wan-emulator/link.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>

#include "tools/wan-emulator/limits.h"

namespace causeway {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr Instant kStart{std::chrono::seconds(100)};
constexpr uint64_t k100M = 100'000'000;
// 1250 bytes take 100 us at 100 Mbit/s.
constexpr uint32_t kBytes = 1250;
constexpr Duration kTime = microseconds(100);

LinkSettings rate_and_delay(uint64_t rate_bits_s, Duration delay) {
  LinkSettings settings;
  settings.rate_bits_s = rate_bits_s;
  settings.delay = delay;
  settings.queue_bytes = 1 << 30;
  return settings;
}

// All that arrives until the link is empty.
std::vector<Arrival> drain(Link* link) {
  std::vector<Arrival> all;
  for (Instant now = link->next_arrival(); now != kNever;
       now = link->next_arrival()) {
    Arrival one;
    while (link->take(now, std::span(&one, 1)) == 1) all.push_back(one);
  }
  return all;
}

class LinkTest : public ::testing::Test {
 protected:
  // `count` frames at once, numbered on.
  void offer(Link* link, Instant now, int count, uint32_t bytes = kBytes) {
    for (int i = 0; i < count; ++i) {
      accepted_ += link->offer(now, next_slot_++, bytes) ? 1 : 0;
    }
  }
  uint32_t next_slot_ = 0;
  int accepted_ = 0;
};

TEST_F(LinkTest, WithoutSettingsAFrameArrivesAtOnce) {
  Link link(4, 1);
  ASSERT_TRUE(link.offer(kStart, 3, kBytes));
  const auto all = drain(&link);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].due, kStart);
  EXPECT_EQ(all[0].slot, 3u);
  EXPECT_EQ(all[0].bytes, kBytes);
  EXPECT_FALSE(all[0].lost);
}

TEST_F(LinkTest, FramesLeaveAtTheRateAndArriveAfterTheDelay) {
  Link link(100, 1);
  link.set(kStart, rate_and_delay(k100M, milliseconds(25)));
  offer(&link, kStart, 10);
  const auto all = drain(&link);
  ASSERT_EQ(all.size(), 10u);
  for (uint32_t i = 0; i < 10; ++i) {
    EXPECT_EQ(all[i].due, kStart + (i + 1) * kTime + milliseconds(25));
    EXPECT_EQ(all[i].slot, i);
  }
}

TEST_F(LinkTest, NothingArrivesEarlyAndAnIdleLinkStartsAnew) {
  Link link(100, 1);
  link.set(kStart, rate_and_delay(k100M, milliseconds(1)));
  offer(&link, kStart, 1);
  Arrival one;
  const Instant due = kStart + kTime + milliseconds(1);
  EXPECT_EQ(link.take(due - nanoseconds(1), std::span(&one, 1)), 0u);
  EXPECT_EQ(link.next_arrival(), due);
  EXPECT_EQ(link.take(due, std::span(&one, 1)), 1u);
  EXPECT_EQ(link.next_arrival(), kNever);
  offer(&link, kStart + milliseconds(50), 1);
  EXPECT_EQ(drain(&link)[0].due, kStart + milliseconds(51) + kTime);
}

// 7 Gbit/s and 61 bytes: 69.71... ns a frame. Nothing is rounded away.
TEST_F(LinkTest, TheRateIsExactOverManyFrames) {
  constexpr int kFrames = 7000;
  Link link(kFrames, 1);
  link.set(kStart, rate_and_delay(7'000'000'000, {}));
  offer(&link, kStart, kFrames, 61);
  EXPECT_EQ(drain(&link).back().due,
            kStart + nanoseconds(kFrames * 61 * 8 / 7));
}

TEST_F(LinkTest, AFrameThatFindsTheQueueFullIsDropped) {
  Link link(100, 1);
  LinkSettings settings = rate_and_delay(k100M, milliseconds(5));
  settings.queue_bytes = 4 * kBytes;
  link.set(kStart, settings);
  offer(&link, kStart, 10);
  EXPECT_EQ(accepted_, 4);
  EXPECT_EQ(link.counters().queue_dropped_frames, 6u);
  EXPECT_EQ(link.counters().queue_dropped_bytes, 6u * kBytes);
  EXPECT_EQ(link.counters().queue_bytes_max, 4u * kBytes);
  // Each that has been sent makes room for one.
  offer(&link, kStart + kTime - nanoseconds(1), 1);
  EXPECT_EQ(accepted_, 4);
  offer(&link, kStart + kTime, 2);
  EXPECT_EQ(accepted_, 5);
  const auto all = drain(&link);
  EXPECT_EQ(all.size(), 5u);
  EXPECT_EQ(all.back().due, kStart + 5 * kTime + milliseconds(5));
}

TEST_F(LinkTest, AnIdleLinkTakesAFrameLargerThanItsQueue) {
  Link link(10, 1);
  LinkSettings settings = rate_and_delay(k100M, {});
  settings.queue_bytes = 100;
  link.set(kStart, settings);
  offer(&link, kStart, 2);
  EXPECT_EQ(accepted_, 1);
}

TEST_F(LinkTest, AnAutomaticQueueIsOneRoundTrip) {
  LinkSettings settings = rate_and_delay(k100M, milliseconds(25));
  settings.queue_bytes = 0;
  EXPECT_EQ(queue_limit(settings), k100M / 8 / 20);
  settings.delay = {};
  EXPECT_EQ(queue_limit(settings), kQueueBytesAutoMin);
}

TEST_F(LinkTest, AFrameBeingSentGoesOnAtTheNewRate) {
  Link link(10, 1);
  link.set(kStart, rate_and_delay(k100M, {}));
  offer(&link, kStart, 2);
  // Half of it has left; the other half takes twice as long, the next one too.
  link.set(kStart + kTime / 2, rate_and_delay(k100M / 2, {}));
  const auto all = drain(&link);
  EXPECT_EQ(all[0].due, kStart + kTime / 2 + kTime);
  EXPECT_EQ(all[1].due, kStart + kTime / 2 + 3 * kTime);
}

TEST_F(LinkTest, AnUnlimitedRateEmptiesTheQueueAtOnce) {
  Link link(10, 1);
  link.set(kStart, rate_and_delay(8000, milliseconds(3)));
  offer(&link, kStart, 3);
  link.set(kStart + milliseconds(1), rate_and_delay(0, milliseconds(3)));
  for (const Arrival& each : drain(&link)) {
    EXPECT_EQ(each.due, kStart + milliseconds(4));
  }
}

TEST_F(LinkTest, AShorterDelayDoesNotOvertake) {
  Link link(10, 1);
  link.set(kStart, rate_and_delay(0, milliseconds(100)));
  offer(&link, kStart, 1);
  link.set(kStart + milliseconds(10), rate_and_delay(0, milliseconds(1)));
  offer(&link, kStart + milliseconds(10), 1);
  offer(&link, kStart + milliseconds(110), 1);
  const auto all = drain(&link);
  EXPECT_EQ(all[0].slot, 0u);
  EXPECT_EQ(all[0].due, kStart + milliseconds(100));
  EXPECT_EQ(all[1].due, kStart + milliseconds(100));
  EXPECT_EQ(all[2].due, kStart + milliseconds(111));
}

// A frame may be looked at after the link was: it came when it came.
TEST_F(LinkTest, AFrameSeenLateIsNotLate) {
  Link link(10, 1);
  link.set(kStart, rate_and_delay(k100M, milliseconds(25)));
  Arrival one;
  EXPECT_EQ(link.take(kStart + milliseconds(5), std::span(&one, 1)), 0u);
  offer(&link, kStart + milliseconds(2), 1);
  EXPECT_EQ(drain(&link)[0].due, kStart + milliseconds(27) + kTime);
}

TEST_F(LinkTest, JitterStaysWithinItsBoundsAndKeepsTheOrder) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  constexpr int kFrames = 2000;
  Link link(kFrames, seed);
  LinkSettings settings = rate_and_delay(0, milliseconds(20));
  settings.jitter = milliseconds(5);
  link.set(kStart, settings);
  // Further apart than the jitter, so that order holds none of them back.
  Duration least = Duration::max();
  Duration most{};
  for (uint32_t i = 0; i < kFrames; ++i) {
    ASSERT_TRUE(link.offer(kStart + i * milliseconds(11), i, kBytes));
  }
  const auto all = drain(&link);
  for (uint32_t i = 0; i < kFrames; ++i) {
    ASSERT_EQ(all[i].slot, i);
    const Duration delay = all[i].due - (kStart + i * milliseconds(11));
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  EXPECT_GE(least, milliseconds(15));
  EXPECT_LE(most, milliseconds(25));
  // 2000 draws miss either tenth of the range by chance once in e^200.
  EXPECT_LT(least, milliseconds(16));
  EXPECT_GT(most, milliseconds(24));

  for (uint32_t i = 0; i < kFrames; ++i) {
    ASSERT_TRUE(
        link.offer(kStart + std::chrono::hours(1) + i * kTime, i, kBytes));
  }
  const auto dense = drain(&link);
  for (uint32_t i = 0; i < kFrames; ++i) ASSERT_EQ(dense[i].slot, i);
}

TEST_F(LinkTest, AReorderedFrameIsOvertaken) {
  Link link(10, 1);
  LinkSettings settings = rate_and_delay(k100M, milliseconds(10));
  settings.reorder = 1;
  settings.reorder_by = milliseconds(1);
  link.set(kStart, settings);
  offer(&link, kStart, 1);
  settings.reorder = 0;
  link.set(kStart + kTime, settings);
  offer(&link, kStart + kTime, 2);
  const auto all = drain(&link);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].slot, 1u);
  EXPECT_EQ(all[1].slot, 2u);
  EXPECT_EQ(all[2].slot, 0u);
  EXPECT_EQ(all[2].due, kStart + kTime + milliseconds(11));
  EXPECT_EQ(link.counters().reordered_frames, 1u);
}

TEST_F(LinkTest, WhatIsLostHasCostTheRateAndComesOutMarked) {
  Link link(10, 1);
  LinkSettings settings = rate_and_delay(k100M, milliseconds(10));
  settings.loss.loss_good = 1;
  link.set(kStart, settings);
  offer(&link, kStart, 1);
  settings.loss.loss_good = 0;
  link.set(kStart + kTime, settings);
  offer(&link, kStart, 1);
  const auto all = drain(&link);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_TRUE(all[0].lost);
  EXPECT_FALSE(all[1].lost);
  EXPECT_EQ(all[1].due, kStart + 2 * kTime + milliseconds(10));
  EXPECT_EQ(link.counters().carried_frames, 2u);
  EXPECT_EQ(link.counters().lost_frames, 1u);
  EXPECT_EQ(link.counters().lost_bytes, kBytes);
  EXPECT_EQ(link.counters().delivered_frames, 1u);
}

// Every frame is somewhere, whatever happens, in any order of events.
TEST_F(LinkTest, NoFrameVanishes) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  constexpr size_t kFramesMax = 64;
  Link link(kFramesMax, seed);
  std::vector<uint32_t> free_slots(kFramesMax);
  for (uint32_t i = 0; i < kFramesMax; ++i) free_slots[i] = i;
  Instant now = kStart;
  uint64_t came_out = 0;
  for (int step = 0; step < 20000; ++step) {
    now += Duration(static_cast<int64_t>(random() % 200'000));
    if (random() % 50 == 0) {
      LinkSettings settings;
      settings.rate_bits_s = random() % 3 == 0 ? 0 : 8000 + random() % k100M;
      settings.delay = Duration(static_cast<int64_t>(random() % 5'000'000));
      settings.jitter = settings.delay / 2;
      settings.reorder = 0.2;
      settings.loss = {0.1, 0.3, 0.01, 0.9};
      settings.queue_bytes = 1 + random() % 20'000;
      link.set(now, settings);
    }
    if (!free_slots.empty() && random() % 2 == 0) {
      const uint32_t slot = free_slots.back();
      if (link.offer(now, slot, 60 + random() % 1440)) free_slots.pop_back();
    }
    std::array<Arrival, 3> out;
    const size_t taken = link.take(now, out);
    for (size_t i = 0; i < taken; ++i) free_slots.push_back(out[i].slot);
    came_out += taken;
  }
  for (const Arrival& each : drain(&link)) {
    free_slots.push_back(each.slot);
    ++came_out;
  }
  std::sort(free_slots.begin(), free_slots.end());
  for (uint32_t i = 0; i < kFramesMax; ++i) ASSERT_EQ(free_slots[i], i);
  const LinkCounters& counters = link.counters();
  EXPECT_EQ(counters.offered_frames,
            counters.queue_dropped_frames + counters.carried_frames);
  EXPECT_EQ(counters.carried_frames, came_out);
  EXPECT_EQ(counters.delivered_frames + counters.lost_frames, came_out);
  EXPECT_GT(counters.queue_dropped_frames, 0u);
  EXPECT_GT(counters.lost_frames, 0u);
  EXPECT_EQ(link.frames(), 0u);
  EXPECT_EQ(link.queue_bytes(), 0u);
}

}  // namespace
}  // namespace causeway
