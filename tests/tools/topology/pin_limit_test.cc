#include "tools/topology/pin_limit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <sstream>

namespace causeway {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr uint64_t kMiB = 1u << 20;

TEST(PinLimit, IsThisProcesss) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_MEMLOCK, &limit), 0);
  const rlimit before = limit;
  limit.rlim_cur = 64 * 1024;  // less than any default; the hard one stays
  ASSERT_EQ(::setrlimit(RLIMIT_MEMLOCK, &limit), 0);
  const auto read = read_pin_limit();
  ASSERT_EQ(::setrlimit(RLIMIT_MEMLOCK, &before), 0);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->soft_bytes, 64u * 1024);
  EXPECT_EQ(read->hard_bytes.has_value(), before.rlim_max != RLIM_INFINITY);
}

TEST(PinLimit, TheCapabilityIsBit14OfTheEffectiveSet) {
  const auto has = [](const char* text) {
    std::istringstream status(text);
    return has_ipc_lock(status);
  };
  EXPECT_TRUE(has("CapPrm:\t0000000000000000\nCapEff:\t0000000000004000\n"));
  EXPECT_TRUE(has("CapEff:\t000001ffffffffff\n"));
  EXPECT_FALSE(has("CapPrm:\t0000000000004000\nCapEff:\t0000000000000000\n"));
  EXPECT_FALSE(has("CapEff:\t000001ffffffbfff\n"));
  EXPECT_FALSE(has("Name:\tcauseway\n"));
}

TEST(PinLimit, AdviceComesWhereItIsTooSmall) {
  PinLimit limit{8 * kMiB, 8 * kMiB, false};
  EXPECT_EQ(limit.bytes(), 8 * kMiB);
  EXPECT_EQ(pin_advice(limit, 8 * kMiB), "");
  EXPECT_THAT(pin_advice(limit, 9 * kMiB), HasSubstr("LimitMEMLOCK=infinity"));
  EXPECT_THAT(pin_advice(limit, 9 * kMiB), HasSubstr("root must"));
  EXPECT_THAT(pin_advice(limit, 9 * kMiB), HasSubstr("may pin 8M"));
  limit.hard_bytes.reset();
  EXPECT_THAT(pin_advice(limit, 9 * kMiB), Not(HasSubstr("root must")));
  limit.exempt = true;
  EXPECT_EQ(limit.bytes(), std::nullopt);
  EXPECT_EQ(pin_advice(limit, 9 * kMiB), "");
  EXPECT_EQ(pin_advice({std::nullopt, std::nullopt, false}, UINT64_MAX), "");
}

}  // namespace
}  // namespace causeway
