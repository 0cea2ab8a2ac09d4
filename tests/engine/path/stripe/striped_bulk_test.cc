#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <random>

#include "tests/contract/memory_sink.h"
#include "tests/engine/path/stripe/stripe_rig.h"

namespace causeway {
namespace {

constexpr size_t kSinkBytes = 64u << 20;
constexpr uint64_t kSinkBlocks = kSinkBytes / kBlockBytes;
constexpr uint32_t kPutBlocks = kPutBytesMax / kBlockBytes;

// One bulk channel over lanes of virtual links.
class StripedBulk : public testing::Test {
 protected:
  void open(const std::vector<VirtualLinkOptions>& lanes,
            const StripeOptions& options = {}) {
    sender_.reset();
    receiver_.reset();
    rig_ = std::make_unique<StripeRig>(lanes, options);
    sink_ = std::make_unique<MemorySink>(kSinkBytes);
    sender_ = rig_->outbound().open_bulk(0).value();
    receiver_ = rig_->inbound().accept_bulk(0, *sink_).value();
    progress_ = {};
  }

  // One look at both ends; then, if nothing moved, on to the next event, but
  // not past `limit`.
  void run(Instant limit, const std::function<bool()>& enough) {
    while (!HasFatalFailure()) {
      auto progress = sender_->poll(rig_->now());
      ASSERT_TRUE(progress) << progress.error().message;
      progress_ = *progress;
      auto moved = receiver_->poll(rig_->now());
      ASSERT_TRUE(moved) << moved.error().message;
      if (enough()) return;
      if (*moved) continue;
      WaitSet set;
      const Instant due =
          std::min({sender_->wait_on(set), receiver_->wait_on(set), limit});
      ASSERT_TRUE(rig_->jump(due)) << "nothing will ever happen";
    }
  }
  void run_until(const std::function<bool()>& enough) { run(kNever, enough); }
  void run_for(Duration time) {
    const Instant end = rig_->now() + time;
    run(end, [&] { return rig_->now() >= end; });
  }

  // `bytes` in the largest puts, from the first block on, of `version`.
  void post_bytes(size_t bytes, Version version = 1, uint64_t first = 0) {
    const std::byte fill{static_cast<uint8_t>(version)};
    const std::vector<std::byte> payload(kPutBytesMax, fill);
    for (size_t done = 0; done < bytes; done += kPutBytesMax) {
      const Put put{{PutKind::kRaw, 0, version,
                     (first + done / kBlockBytes) % kSinkBlocks, kPutBlocks,
                     kPutBytesMax},
                    payload};
      size_t taken = 0;
      run_until([&] {
        taken = sender_->post(std::span(&put, 1)).value();
        return taken > 0;
      });
      if (HasFatalFailure()) return;
      posted_.push_back(put.head);
    }
  }
  void fence(FenceId id) {
    ASSERT_TRUE(sender_->post_fence(id).value());
    run_until([&] { return progress_.fence_landed >= id; });
  }
  // How long `bytes` take, with the fence behind them.
  double seconds_for(size_t bytes) {
    const Instant start = rig_->now();
    post_bytes(bytes);
    fence(progress_.fence_landed + 1);
    return seconds(rig_->now() - start);
  }
  uint64_t duplicates() const {
    return static_cast<StripedBulkReceiver&>(*receiver_).duplicates();
  }
  void expect_each_landed_once() {
    std::map<uint64_t, int> landed;
    for (const PutHead& head : sink_->landed) {
      ++landed[head.first_block + uint64_t{head.version} * kSinkBlocks];
    }
    for (const PutHead& head : posted_) {
      EXPECT_EQ(landed[head.first_block + uint64_t{head.version} * kSinkBlocks],
                1)
          << "block " << head.first_block << " version " << head.version;
    }
    EXPECT_EQ(sink_->landed.size(), posted_.size());
  }

  enum class State { kUp, kSilent, kDead };
  void change(uint32_t lane, State to, State& state) {
    if (state == State::kDead && to == State::kUp) {
      // Both ends notice that it died, and let go of it.
      ASSERT_TRUE(sender_->poll(rig_->now()));
      ASSERT_TRUE(receiver_->poll(rig_->now()));
      ASSERT_TRUE(rig_->can_heal(lane));
      rig_->heal(lane);
    } else if (state == State::kDead) {
      return;
    } else if (to == State::kDead) {
      rig_->cut(lane);
    } else {
      rig_->link(lane).hold(to == State::kSilent);
    }
    state = to;
  }

  std::unique_ptr<StripeRig> rig_;
  std::unique_ptr<MemorySink> sink_;
  std::unique_ptr<BulkChannel> sender_;
  std::unique_ptr<BulkReceiver> receiver_;
  ChannelProgress progress_;
  std::vector<PutHead> posted_;
};

TEST_F(StripedBulk, TwoEqualLanesAreAlmostTwiceOne) {
  constexpr size_t kBytes = 48u << 20;
  open({line(100e6, ms(25))});
  const double one = seconds_for(kBytes);
  open({line(100e6, ms(25)), line(100e6, ms(25))});
  const double two = seconds_for(kBytes);
  RecordProperty("gain", std::to_string(one / two));
  EXPECT_GE(one / two, 1.9);
}

TEST_F(StripedBulk, UnequalLanesGiveTheirSum) {
  constexpr size_t kBytes = 48u << 20;
  const struct {
    Duration fast, slow;
  } delays[] = {{ms(25), ms(25)}, {ms(5), ms(75)}, {ms(75), ms(5)}};
  for (const auto& delay : delays) {
    open({line(100e6, delay.fast), line(30e6, delay.slow)});
    const double rate = kBytes * 8 / seconds_for(kBytes);
    EXPECT_GE(rate, 0.9 * 130e6) << "delays of " << seconds(delay.fast)
                                 << " s, " << seconds(delay.slow) << " s";
    EXPECT_EQ(duplicates(), 0u);
  }
}

// What was seen of a lane that had little to do says nothing against it.
TEST_F(StripedBulk, FewBytesFirstDoNotMakeALaneSlow) {
  open({line(100e6, ms(25)), line(100e6, ms(25))});
  for (FenceId id = 1; id <= 6; ++id) {
    const Put zero{{PutKind::kZero, 0, 1, 0, 1, 0}, {}};
    ASSERT_EQ(sender_->post(std::span(&zero, 1)).value(), 1u);
    fence(id);
  }
  EXPECT_GE((48u << 20) * 8 / seconds_for(48u << 20), 0.9 * 200e6);
}

TEST_F(StripedBulk, LaneThatWasSlowIsTriedAgain) {
  open({line(100e6, ms(10)), line(100e6, ms(10))});
  post_bytes(8u << 20);
  rig_->link(1).set_rate(20e3);
  post_bytes(32u << 20);
  fence(1);
  rig_->link(1).set_rate(100e6 / 8);
  run_for(std::chrono::seconds(60));  // what it has in its queue
  post_bytes(64u << 20);
  fence(2);
  EXPECT_GE((48u << 20) * 8 / seconds_for(48u << 20), 0.9 * 200e6);
}

TEST_F(StripedBulk, LaneThatDiesInMidRoundIsRedoneByTheOther) {
  open({line(100e6, ms(10)), line(100e6, ms(10))});
  post_bytes(8u << 20);
  rig_->cut(1);
  post_bytes(8u << 20, 1, 8 * kSinkBlocks / 64);
  fence(1);
  expect_each_landed_once();
  EXPECT_TRUE(rig_->can_heal(1));
}

TEST_F(StripedBulk, LaneThatHealsIsTakenUp) {
  open({line(50e6, ms(10)), line(50e6, ms(10))},
       {kStripeWindowBytes, std::chrono::seconds(10)});
  const double both = seconds_for(16u << 20);
  rig_->cut(0);
  const double alone = seconds_for(16u << 20);
  ASSERT_TRUE(rig_->can_heal(0));
  rig_->heal(0);
  const double again = seconds_for(16u << 20);
  EXPECT_GT(alone, 1.8 * both);
  EXPECT_LT(again, 1.15 * both);
}

TEST_F(StripedBulk, AllLanesDeadAndNoneComesIsALostPath) {
  open({line(50e6, ms(10)), line(50e6, ms(10))});
  post_bytes(4u << 20);
  rig_->cut(0);
  rig_->cut(1);
  rig_->close();
  EXPECT_EQ(sender_->poll(rig_->now()).error().code,
            ErrorCode::kConnectionLost);
  EXPECT_EQ(receiver_->poll(rig_->now()).error().code,
            ErrorCode::kConnectionLost);
}

TEST_F(StripedBulk, AllLanesDeadIsALostPathWhenThePatienceIsOver) {
  constexpr Duration kPatience = std::chrono::seconds(5);
  open({line(50e6, ms(10)), line(50e6, ms(10))},
       {kStripeWindowBytes, kPatience});
  post_bytes(4u << 20);
  rig_->cut(0);
  rig_->cut(1);
  const Instant died = rig_->now();
  ASSERT_TRUE(sender_->poll(rig_->now()));
  ASSERT_TRUE(receiver_->poll(rig_->now()));
  WaitSet set;
  EXPECT_EQ(sender_->wait_on(set), died + kPatience);
  rig_->pass(kPatience - Duration(1));
  EXPECT_TRUE(sender_->poll(rig_->now()));
  EXPECT_TRUE(receiver_->poll(rig_->now()));
  rig_->pass(Duration(1));
  EXPECT_EQ(sender_->poll(rig_->now()).error().code,
            ErrorCode::kConnectionLost);
  EXPECT_EQ(receiver_->poll(rig_->now()).error().code,
            ErrorCode::kConnectionLost);
}

TEST_F(StripedBulk, FirstLaneMayComeAfterTheChannel) {
  open({line(50e6, ms(10))}, {kStripeWindowBytes, std::chrono::seconds(5)});
  sender_.reset();
  receiver_.reset();
  rig_->cut(0);
  rig_->pass(std::chrono::hours(1));
  sender_ = rig_->outbound().open_bulk(0).value();
  receiver_ = rig_->inbound().accept_bulk(0, *sink_).value();
  ASSERT_TRUE(sender_->poll(rig_->now()));
  ASSERT_TRUE(receiver_->poll(rig_->now()));
  rig_->pass(std::chrono::seconds(4));
  rig_->heal(0);
  post_bytes(1u << 20);
  fence(1);
  expect_each_landed_once();
}

TEST_F(StripedBulk, AllLanesDeadAndOneThatHealsInTimeGoesOn) {
  open({line(50e6, ms(10)), line(50e6, ms(10))},
       {kStripeWindowBytes, std::chrono::seconds(5)});
  post_bytes(4u << 20);
  rig_->cut(0);
  rig_->cut(1);
  ASSERT_TRUE(sender_->poll(rig_->now()));
  ASSERT_TRUE(receiver_->poll(rig_->now()));
  rig_->pass(std::chrono::seconds(4));
  rig_->heal(1);
  fence(1);
  expect_each_landed_once();
}

// The lane that has the fence's record, or records before it, dies before
// anything of it is known to have landed.
TEST_F(StripedBulk, LaneThatDiesAtTheFenceDoesNotLetItLandEarly) {
  for (uint32_t dying = 0; dying < 2; ++dying) {
    SCOPED_TRACE(dying);
    posted_.clear();
    open({line(20e6, ms(50)), line(20e6, ms(50))});
    post_bytes(2u << 20);
    ASSERT_TRUE(sender_->post_fence(1).value());
    run_for(ms(80));
    ASSERT_EQ(progress_.fence_landed, 0u);
    ASSERT_LT(sink_->landed.size(), posted_.size());
    rig_->cut(dying);
    run_until([&] { return receiver_->fence_landed() == 1; });
    expect_each_landed_once();
    EXPECT_EQ(progress_.fence_landed, 0u);
    run_until([&] { return progress_.fence_landed == 1; });
  }
}

// A lane falls silent; what it had goes by the other, and then newer versions
// of the same blocks. When the first speaks again its records are stale.
TEST_F(StripedBulk, LateDuplicatesAfterARedoChangeNothing) {
  open({line(100e6, ms(10)), line(100e6, ms(10))});
  post_bytes(1u << 20);
  fence(1);
  post_bytes(4u << 20, 2);
  rig_->link(1).hold(true);
  fence(2);
  const uint64_t before = duplicates();
  post_bytes(4u << 20, 3);
  fence(3);
  rig_->link(1).hold(false);
  run_for(ms(500));
  EXPECT_GT(duplicates(), before) << "nothing came late";
  expect_each_landed_once();
  EXPECT_EQ(sink_->memory[0], std::byte{3});
  EXPECT_EQ(sink_->memory[(4u << 20) - 1], std::byte{3});
  // And the lane is used again.
  const uint64_t known = duplicates();
  EXPECT_GE(16e6 * 8 / seconds_for(16'000'000), 150e6);
  EXPECT_EQ(duplicates(), known);
}

TEST_F(StripedBulk, SilentLaneHoldsAFenceUpForItsStallNoLonger) {
  open({line(100e6, ms(10)), line(100e6, ms(10))});
  post_bytes(4u << 20);
  fence(1);
  const Instant start = rig_->now();
  post_bytes(1u << 20);
  rig_->link(0).hold(true);
  fence(2);
  EXPECT_LT(rig_->now() - start, kLaneStallMin + ms(300));
}

TEST_F(StripedBulk, SilentLaneIsNotWaitedForSoLongWhenItIsUrgent) {
  for (uint32_t silent = 0; silent < 2; ++silent) {
    posted_.clear();
    open({line(100e6, ms(5)), line(100e6, ms(5))});
    post_bytes(4u << 20);
    fence(1);
    sender_->set_urgent(true);
    const Instant start = rig_->now();
    post_bytes(2 * kPutBytesMax, 2);
    ASSERT_TRUE(sender_->poll(rig_->now()));
    rig_->link(silent).hold(true);
    fence(2);
    EXPECT_LT(rig_->now() - start, kLaneStallMin);
    expect_each_landed_once();
  }
}

// Lanes die, fall silent, speak again and come back at random.
TEST_F(StripedBulk, RandomDeathsLoseNothingAndDoubleNothing) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  for (int run = 0; run < 12; ++run) {
    std::mt19937_64 random(seed + run);
    posted_.clear();
    const uint32_t lanes = 1 + random() % 4;
    std::vector<VirtualLinkOptions> lines;
    for (uint32_t i = 0; i < lanes; ++i) {
      lines.push_back(line(10e6 * static_cast<double>(1 + random() % 20),
                           ms(random() % 100)));
    }
    open(lines, {kStripeWindowBytes, std::chrono::hours(1)});
    std::vector<State> states(lanes, State::kUp);
    size_t fenced = 0;
    FenceId id = 0;
    for (Version version = 1; version <= 60; ++version) {
      post_bytes(kPutBytesMax * (1 + random() % 12), version,
                 random() % 128 * kPutBlocks);
      if (random() % 3 == 0) {
        ASSERT_TRUE(sender_->post_fence(++id).value());
        fenced = posted_.size();
      }
      run_for(ms(random() % 100));
      ASSERT_FALSE(HasFatalFailure()) << "run " << run;
      if (progress_.fence_landed == id) {
        ASSERT_GE(sink_->landed.size(), fenced);
      }
      const auto lane = static_cast<uint32_t>(random() % lanes);
      change(lane, static_cast<State>(random() % 3), states[lane]);
      // Nothing would ever happen, and post_bytes() waits for room.
      if (std::count(states.begin(), states.end(), State::kUp) == 0) {
        change(lane, State::kUp, states[lane]);
      }
    }
    if (states[0] != State::kUp) change(0, State::kUp, states[0]);
    fence(++id);
    expect_each_landed_once();
    ASSERT_FALSE(HasFailure()) << "run " << run;
  }
}

}  // namespace
}  // namespace causeway
