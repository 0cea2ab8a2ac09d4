#include "tools/wan-emulator/link_spec.h"

#include <gtest/gtest.h>

#include "tools/wan-emulator/limits.h"

namespace causeway {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST(LinkSpec, RateRoundTripAndLoss) {
  const auto spec = parse_link_spec("100M,50ms,0.1%");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->rate_bits_s, 100'000'000u);
  EXPECT_EQ(spec->round_trip, milliseconds(50));
  EXPECT_DOUBLE_EQ(spec->loss, 0.001);
  const LinkSettings settings = spec->settings();
  EXPECT_EQ(settings.delay, milliseconds(25));
  EXPECT_EQ(settings.rate_bits_s, 100'000'000u);
  EXPECT_DOUBLE_EQ(mean_loss(settings.loss), 0.001);
  // One bandwidth-delay product of the round trip.
  EXPECT_EQ(queue_limit(settings), 625'000u);
  EXPECT_EQ(parse_link_spec("1G,0ms")->loss, 0);
}

TEST(LinkSpec, RatesAreBitsInThousands) {
  EXPECT_EQ(*parse_bit_rate("1.5G"), 1'500'000'000u);
  EXPECT_EQ(*parse_bit_rate("64k"), 64'000u);
  EXPECT_EQ(*parse_bit_rate("10Mbit"), 10'000'000u);
  EXPECT_EQ(*parse_bit_rate("10Mbit/s"), 10'000'000u);
  EXPECT_EQ(format_bit_rate(1'500'000'000), "1.5 Gbit/s");
  EXPECT_EQ(format_bit_rate(0), "unlimited");
}

TEST(LinkSpec, SettingsChangeWhatTheyName) {
  LinkSettings base;
  base.rate_bits_s = 5'000'000;
  base.delay = milliseconds(10);
  const auto set = parse_link_settings(
      "delay=25ms,jitter=2ms,loss=1%,reorder=2%,reorder-by=300us,queue=1M",
      base);
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(set->rate_bits_s, 5'000'000u);
  EXPECT_EQ(set->delay, milliseconds(25));
  EXPECT_EQ(set->jitter, milliseconds(2));
  EXPECT_DOUBLE_EQ(set->loss.loss_good, 0.01);
  EXPECT_DOUBLE_EQ(set->reorder, 0.02);
  EXPECT_EQ(set->reorder_by, microseconds(300));
  EXPECT_EQ(set->queue_bytes, 1u << 20);
  const auto back = parse_link_settings("rate=unlimited,queue=auto", *set);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->rate_bits_s, 0u);
  EXPECT_EQ(back->queue_bytes, 0u);
  EXPECT_EQ(back->loss, set->loss);
}

TEST(LinkSpec, LossInBursts) {
  const auto set = parse_link_settings("loss=1%,burst=4", {});
  ASSERT_TRUE(set);
  EXPECT_DOUBLE_EQ(set->loss.to_good, 0.25);
  EXPECT_NEAR(mean_loss(set->loss), 0.01, 1e-12);
  // Without a loss of its own, the one that there is comes in bursts.
  const auto longer = parse_link_settings("burst=10", *set);
  ASSERT_TRUE(longer);
  EXPECT_DOUBLE_EQ(longer->loss.to_good, 0.1);
  EXPECT_NEAR(mean_loss(longer->loss), 0.01, 1e-12);
  const auto plain = parse_link_settings("loss=2%", *longer);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->loss, LossSettings{.loss_good = 0.02});
}

struct Wrong {
  const char* text;
  const char* says;
};

TEST(LinkSpec, WhatIsWrongIsNamed) {
  for (const Wrong& wrong : {
           Wrong{"100M", "is no link; write rate, round trip and loss"},
           Wrong{"100MB,50ms", "\"100MB\" is no rate of a link"},
           Wrong{"1,50ms", "the rate 1 is not between"},
           Wrong{"-5M,50ms", "is no rate"},
           Wrong{"100M,50", "the link's round trip: \"50\" is no time"},
           Wrong{"100M,21s", "21s is too long; the most is 20.0 s"},
           Wrong{"100M,50ms,0.1", "the link's loss: \"0.1\" is no share"},
           Wrong{"100M,50ms,101%", "more than 100%"},
           Wrong{"100M,50ms,1%,2", "is no link"},
       }) {
    const auto spec = parse_link_spec(wrong.text);
    ASSERT_FALSE(spec) << wrong.text;
    EXPECT_EQ(spec.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(spec.error().message.find(wrong.says), std::string::npos)
        << spec.error().message;
  }
}

TEST(LinkSpec, WrongSettingsAreNamed) {
  for (const Wrong& wrong : {
           Wrong{"", "\"\" is no setting"},
           Wrong{"delay", "\"delay\" is no setting"},
           Wrong{"speed=1G", "a link has no \"speed\""},
           Wrong{"delay=1ms,delay=2ms", "delay is given twice"},
           Wrong{"delay=1ms,jitter=2ms", "the jitter of 2.0 ms is more than"},
           Wrong{"delay=11s", "delay: 11s is too long"},
           Wrong{"loss=99%,burst=1", "cannot come in bursts as short as 1"},
           Wrong{"loss=100%,burst=5", "cannot come in bursts"},
           Wrong{"burst=0", "burst: \"0\" is no mean length"},
           Wrong{"gilbert=1%", "gilbert: \"1%\" is no model"},
           Wrong{"gilbert=1%/2%,loss=1%", "no loss= or burst= then"},
           Wrong{"queue=0", "queue: a queue of 0"},
           Wrong{"rate=0", "rate: the rate 0 is not between"},
       }) {
    const auto set = parse_link_settings(wrong.text, {});
    ASSERT_FALSE(set) << wrong.text;
    EXPECT_EQ(set.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(set.error().message.find(wrong.says), std::string::npos)
        << set.error().message;
  }
}

}  // namespace
}  // namespace causeway
