#include "rdma/probe/what_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace causeway {
namespace {

using ::testing::HasSubstr;

// A port of 100 Gbit/s at its largest MTU: 12.25 GB/s of payload.
RdmaProbeFigures figures(double gb_s) {
  RdmaProbeFigures figures;
  figures.bytes_s = gb_s * 1e9;
  figures.registration_bytes_s = 20e9;
  figures.port_bits_s = 100'000'000'000;
  figures.mtu_bytes = figures.mtu_bytes_max = 4096;
  return figures;
}

TEST(WhatLimitsTest, APortThatIsFull) {
  const RdmaLimit limit = what_limits(figures(11.5), {0.2, 0.1});
  EXPECT_EQ(limit.what, "port");
  EXPECT_THAT(limit.why, HasSubstr("92 of the 98 Gbit/s"));
  // Also where processors are busy: they do keep up.
  EXPECT_EQ(what_limits(figures(11.5), {1.0, 1.0}).what, "port");
}

TEST(WhatLimitsTest, ASmallMtuMakesThePortSmaller) {
  RdmaProbeFigures small = figures(9.4);
  small.mtu_bytes = 256;  // 256 of 338 bytes: 9.47 GB/s
  EXPECT_EQ(what_limits(small, {0.2, 0.1}).what, "port");
  small.bytes_s = 5e9;
  const RdmaLimit limit = what_limits(small, {0.2, 0.1});
  EXPECT_EQ(limit.what, "mtu");
  EXPECT_THAT(limit.why, HasSubstr("256"));
  EXPECT_THAT(limit.why, HasSubstr("4096"));
}

TEST(WhatLimitsTest, MemoryThatIsRegisteredSlowlyIsFirst) {
  RdmaProbeFigures slow = figures(11.5);
  slow.registration_bytes_s = 3e9;
  EXPECT_EQ(what_limits(slow, {1.0, 1.0}).what, "registration");
}

TEST(WhatLimitsTest, AThreadOrTheWholeHostIsBusy) {
  EXPECT_EQ(what_limits(figures(5), {0.97, 0.1}).what, "cpu");
  const RdmaLimit host = what_limits(figures(5), {0.3, 0.99});
  EXPECT_EQ(host.what, "cpu");
  EXPECT_THAT(host.why, HasSubstr("99 %"));
}

TEST(WhatLimitsTest, NothingOfThese) {
  EXPECT_EQ(what_limits(figures(5), {0.3, 0.2}).what, "device");
  RdmaProbeFigures unknown = figures(5);
  unknown.port_bits_s = 0;
  EXPECT_EQ(what_limits(unknown, {0.3, 0.2}).what, "device");
}

}  // namespace
}  // namespace causeway
