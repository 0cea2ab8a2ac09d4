#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <random>

#include "engine/base/limits.h"
#include "engine/path/stripe/striped_control_channel.h"
#include "tests/engine/path/stripe/stripe_rig.h"

namespace causeway {
namespace {

// Bytes that say which message they are of.
std::vector<std::byte> message(uint32_t number, size_t bytes) {
  std::vector<std::byte> out(std::max(bytes, sizeof number));
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<std::byte>(number * 31 + i);
  }
  std::memcpy(out.data(), &number, sizeof number);
  return out;
}

class StripedControl : public testing::Test {
 protected:
  void open(const std::vector<VirtualLinkOptions>& lanes) {
    for (auto& end : ends_) end.reset();  // before their path
    rig_ = std::make_unique<StripeRig>(
        lanes, StripeOptions{kStripeWindowBytes, std::chrono::hours(1)});
    ends_[0] = rig_->outbound().open_control().value();
    ends_[1] = rig_->inbound().accept_control().value();
  }

  // Takes what has come at both ends, then goes on to the next event, but not
  // past `limit`.
  void run(Instant limit, const std::function<bool()>& enough) {
    while (!HasFatalFailure()) {
      bool moved = false;
      for (int end = 0; end < 2; ++end) {
        if (ends_[end] == nullptr) continue;
        auto got = ends_[end]->receive(rig_->now());
        ASSERT_TRUE(got) << got.error().message;
        if (!*got) continue;
        moved = true;
        ASSERT_EQ(**got, message(next_[end], (*got)->size()));
        ++next_[end];
      }
      if (enough()) return;
      if (moved) continue;
      WaitSet set;
      Instant due = limit;
      for (const auto& end : ends_) {
        if (end != nullptr) due = std::min(due, end->wait_on(set));
      }
      ASSERT_TRUE(rig_->jump(due)) << "nothing will ever happen";
    }
  }
  void run_for(Duration time) {
    const Instant end = rig_->now() + time;
    run(end, [&] { return rig_->now() >= end; });
  }
  // Messages that this end sent and the other has.
  uint32_t arrived(int sender) const { return next_[1 - sender]; }
  void send(int end, size_t bytes) {
    ASSERT_TRUE(ends_[end]->send(message(sent_[end]++, bytes)));
  }
  void run_until_all_arrived() {
    run(kNever,
        [&] { return arrived(0) == sent_[0] && arrived(1) == sent_[1]; });
  }

  std::unique_ptr<StripeRig> rig_;
  std::unique_ptr<ControlChannel> ends_[2];
  uint32_t sent_[2] = {};
  uint32_t next_[2] = {};
};

TEST_F(StripedControl, StateOfAGuestGoesByAllLanes) {
  open({line(100e6, ms(10))});
  send(0, kStateBytesMax);
  run_until_all_arrived();
  const double one = seconds(rig_->now() - Instant());
  sent_[0] = next_[1] = 0;
  open({line(100e6, ms(10)), line(100e6, ms(10))});
  send(0, kStateBytesMax);
  run_until_all_arrived();
  EXPECT_GT(one / seconds(rig_->now() - Instant()), 1.7);
}

TEST_F(StripedControl, MessageOfALaneThatDiesGoesByAnother) {
  for (uint32_t dying = 0; dying < 2; ++dying) {
    open({line(10e6, ms(30)), line(10e6, ms(30))});
    sent_[0] = sent_[1] = next_[0] = next_[1] = 0;
    for (int i = 0; i < 20; ++i) send(0, 50'000);
    for (int i = 0; i < 20; ++i) send(1, 50'000);
    run_for(ms(100));
    ASSERT_LT(arrived(0), 20u);
    rig_->cut(dying);
    run_until_all_arrived();
  }
}

TEST_F(StripedControl, MessageOfASilentLaneWaitsForItsStallOnly) {
  open({line(100e6, ms(10)), line(100e6, ms(20))});
  send(0, 100);
  send(1, 100);
  run_until_all_arrived();
  rig_->link(0).hold(true);
  const Instant start = rig_->now();
  send(0, 100);
  send(1, 100);
  run_until_all_arrived();
  EXPECT_LT(rig_->now() - start, kLaneStallMin + ms(200));
  // What comes late is dropped.
  rig_->link(0).hold(false);
  run_for(ms(500));
  send(0, 100);
  run_until_all_arrived();
}

// Whoever closes before is not sure that the last word comes.
TEST_F(StripedControl, MayCloseWhenThePeerHasItAndNotBefore) {
  open({line(10e6, ms(10)), line(10e6, ms(10))});
  EXPECT_TRUE(ends_[1]->may_close());
  send(1, 100);
  EXPECT_FALSE(ends_[1]->may_close());
  // Both are silent: neither time nor patience makes it come.
  rig_->link(0).hold(true);
  rig_->link(1).hold(true);
  run_for(std::chrono::seconds(10));
  EXPECT_EQ(arrived(1), 0u);
  EXPECT_FALSE(ends_[1]->may_close());
  rig_->link(1).hold(false);
  run(kNever, [&] { return ends_[1]->may_close(); });
  EXPECT_EQ(arrived(1), 1u);
}

TEST_F(StripedControl, FarewellOvertakesNothingAndNeedsNoPatience) {
  open({line(10e6, ms(10)), line(10e6, ms(80))});
  for (int i = 0; i < 10; ++i) send(0, 100'000);
  ends_[0].reset();
  run(kNever, [&] { return next_[1] == 10; });
  Result<std::optional<std::vector<std::byte>>> last =
      ends_[1]->receive(rig_->now());
  const Instant start = rig_->now();
  while (last) {
    WaitSet set;
    ASSERT_FALSE(*last);
    ASSERT_TRUE(rig_->jump(ends_[1]->wait_on(set)));
    last = ends_[1]->receive(rig_->now());
  }
  EXPECT_EQ(last.error().code, ErrorCode::kConnectionLost);
  EXPECT_LT(rig_->now() - start, std::chrono::seconds(1));
}

TEST_F(StripedControl, PeerThatAcknowledgesWhatItWasNotSentIsRefused) {
  // The lane's own channel, as a peer that breaks the rules has it.
  rig_ = std::make_unique<StripeRig>(
      std::vector<VirtualLinkOptions>{line(10e6, ms(1))});
  auto victim = rig_->outbound().open_control().value();
  auto hostile = rig_->link(0).inbound()->accept_control().value();
  ASSERT_TRUE(hostile->send(encode_fragment({FragmentKind::kReceived, 7, {}})));
  rig_->pass(ms(10));
  EXPECT_EQ(victim->receive(rig_->now()).error().code, ErrorCode::kPeerBroken);
}

TEST_F(StripedControl, PiecesFarAheadAreRefused) {
  rig_ = std::make_unique<StripeRig>(
      std::vector<VirtualLinkOptions>{line(10e6, ms(1))});
  auto victim = rig_->outbound().open_control().value();
  auto hostile = rig_->link(0).inbound()->accept_control().value();
  ASSERT_TRUE(
      hostile->send(encode_fragment({FragmentKind::kPiece, 1u << 20, {}})));
  rig_->pass(ms(10));
  EXPECT_EQ(victim->receive(rig_->now()).error().code, ErrorCode::kPeerBroken);
}

// Lanes die, fall silent, speak again and come back at random.
TEST_F(StripedControl, RandomDeathsKeepTheOrderOfMessages) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  for (int round = 0; round < 10; ++round) {
    std::mt19937_64 random(seed + round);
    sent_[0] = sent_[1] = next_[0] = next_[1] = 0;
    const auto lanes = static_cast<uint32_t>(2 + random() % 3);
    std::vector<VirtualLinkOptions> lines;
    for (uint32_t i = 0; i < lanes; ++i) {
      lines.push_back(line(10e6 * static_cast<double>(1 + random() % 20),
                           ms(random() % 100)));
    }
    open(lines);
    std::vector<bool> dead(lanes);
    for (int step = 0; step < 100; ++step) {
      const int end = static_cast<int>(random() % 2);
      send(end, random() % 200'000);
      run_for(ms(random() % 60));
      ASSERT_FALSE(HasFatalFailure()) << "round " << round;
      // The first is up all the time; what the others do is random.
      const auto lane = static_cast<uint32_t>(1 + random() % (lanes - 1));
      const auto what = random() % 4;
      if (!dead[lane] && what == 0) {
        rig_->cut(lane);
        dead[lane] = true;
      } else if (!dead[lane]) {
        rig_->link(lane).hold(what == 1);
      } else if (rig_->can_heal(lane)) {
        rig_->heal(lane);
        dead[lane] = false;
      }
    }
    run_until_all_arrived();
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
}

}  // namespace
}  // namespace causeway
