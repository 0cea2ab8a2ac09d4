#include "engine/migration/codec_governor.h"

#include <gtest/gtest.h>

namespace causeway {
namespace {

CodecTotals blocked_link(uint64_t megabytes) {
  CodecTotals totals;
  totals.in_bytes = totals.out_bytes = megabytes << 20;
  totals.busy = std::chrono::milliseconds(megabytes);
  totals.blocked = std::chrono::milliseconds(100 * megabytes);
  totals.sampled_blocks = 16 * megabytes;
  return totals;
}

// 10 MB/s, workers that wait: deflating pays by any figure.
int level_after_blocked_link(CodecGovernor& governor) {
  const Instant began{};
  governor.begin(began, {});
  for (uint64_t megabytes = 1; megabytes <= 10; ++megabytes) {
    governor.look(began + std::chrono::milliseconds(101 * megabytes),
                  blocked_link(megabytes));
  }
  return governor.level();
}

TEST(CodecGovernor, FollowsThePolicyWhereItMay) {
  CodecGovernor governor(parse_codec("auto").value());
  governor.peer_understands(true);
  EXPECT_EQ(governor.level(), kCodecLevelNone);
  EXPECT_NE(level_after_blocked_link(governor), kCodecLevelNone);
  EXPECT_EQ(governor.chosen().find("deflate:"), 0u) << governor.chosen();
}

TEST(CodecGovernor, KeepsToALevelThatWasSaid) {
  CodecGovernor governor(parse_codec("deflate:3").value());
  EXPECT_EQ(governor.level(), kCodecLevelNone);  // until the target has spoken
  governor.peer_understands(true);
  EXPECT_EQ(level_after_blocked_link(governor), 3);
  EXPECT_EQ(governor.chosen(), "deflate:3");
}

TEST(CodecGovernor, NeverEncodesForATargetThatCannotDecode) {
  for (const char* codec : {"auto", "none", "deflate:1"}) {
    CodecGovernor governor(parse_codec(codec).value());
    governor.peer_understands(false);
    EXPECT_EQ(level_after_blocked_link(governor), kCodecLevelNone) << codec;
    EXPECT_EQ(governor.chosen().find("none"), 0u);
  }
}

TEST(CodecGovernor, NoneHoldsNoMemory) {
  CodecGovernor governor(parse_codec("none").value());
  EXPECT_FALSE(governor.may_encode());
  EXPECT_EQ(governor.sent().memory_bytes(), 0u);
}

}  // namespace
}  // namespace causeway
