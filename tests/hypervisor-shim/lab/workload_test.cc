#include "hypervisor-shim/lab/workload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace causeway::lab {
namespace {

using testing::HasSubstr;

TEST(Workload, KnowsAllForms) {
  const auto idle = parse_workload("idle");
  ASSERT_TRUE(idle);
  EXPECT_EQ(idle->kind, GUEST_WORKLOAD_IDLE);

  const auto uniform = parse_workload("uniform:50M");
  ASSERT_TRUE(uniform);
  EXPECT_EQ(uniform->kind, GUEST_WORKLOAD_UNIFORM);
  EXPECT_EQ(uniform->rate_bytes_per_s, 50u << 20);
  EXPECT_FALSE(uniform->needs_disk());

  const auto hot = parse_workload("hotset:1G,0.1");
  ASSERT_TRUE(hot);
  EXPECT_EQ(hot->kind, GUEST_WORKLOAD_HOTSET);
  EXPECT_DOUBLE_EQ(hot->hot_share, 0.1);
  EXPECT_DOUBLE_EQ(hot->changed_share, 1);
  EXPECT_DOUBLE_EQ(parse_workload("hotset:1G,0.1,0.2")->changed_share, 0.2);

  EXPECT_EQ(parse_workload("sequential:max")->rate_bytes_per_s, UINT64_MAX);
  EXPECT_TRUE(parse_workload("disk:1M")->needs_disk());
  EXPECT_TRUE(parse_workload("mixed:1M")->needs_disk());
}

TEST(Workload, RefusesWithWhatIsRight) {
  for (const char* text :
       {"", "busy", "busy:50M", "uniform", "uniform:", "uniform:fast",
        "hotset:50M", "hotset:50M,2", "hotset:50M,0", "hotset:50M,x",
        "hotset:50M,0.1,", "hotset:50M,0.1,0", "hotset:50M,0.1,0.1,1",
        "idle:50M", "uniform:50M,0.5"}) {
    const auto parsed = parse_workload(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(parsed.error().message, HasSubstr("hotset:RATE,FRACTION"));
    EXPECT_THAT(parsed.error().message,
                HasSubstr("'" + std::string(text) + "'"));
  }
}

TEST(Content, KnowsAllForms) {
  EXPECT_EQ(parse_content("random")->kind, GUEST_CONTENT_RANDOM);
  EXPECT_EQ(parse_content("text")->kind, GUEST_CONTENT_TEXT);
  EXPECT_EQ(parse_content("mixed")->kind, GUEST_CONTENT_MIXED);
  const auto zero = parse_content("zero:0.25");
  ASSERT_TRUE(zero);
  EXPECT_EQ(zero->kind, GUEST_CONTENT_SHARES);
  EXPECT_DOUBLE_EQ(zero->zero_share, 0.25);
  const auto shares = parse_content("shares:0.5,0.25");
  ASSERT_TRUE(shares);
  EXPECT_DOUBLE_EQ(shares->text_share, 0.5);
  EXPECT_DOUBLE_EQ(shares->zero_share, 0.25);
}

TEST(Content, RefusesWithWhatIsRight) {
  for (const char* text : {"", "noise", "zero", "zero:", "zero:1.5",
                           "zero:-0.5", "zero:nan", "text:0.5", "zero:0.5,0.1",
                           "shares:0.5", "shares:,0.1", "shares:0.5,0.6"}) {
    const auto parsed = parse_content(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace causeway::lab
