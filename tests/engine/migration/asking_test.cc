#include "engine/migration/asking.h"

#include <gtest/gtest.h>

#include "engine/content/digest.h"
#include "tests/sim/sim_guest.h"

namespace causeway {
namespace {

// A block that was sent, cleared and came again as a copy which the target
// missed must not become a delta of what the target has not.
TEST(Asking, WhatTheTargetMissesStaysOwedAndIsNoBase) {
  sim::SimGuest guest{sim::SimGuestOptions{}};
  GuestImage image(guest.open_stores(), 1);
  ASSERT_TRUE(guest.start());
  const std::array<uint64_t, 3> digests{7, 8, 9};
  image.digests(0).set(10, digests);
  Asking asking(DedupMode::kOff, image);
  ASSERT_TRUE(asking.missing({0, 11, 1, {}}));
  asking.landed(guest, 1, 0);
  EXPECT_TRUE(guest.owed(0).test(11));
  EXPECT_EQ(guest.owed(0).count(), 1u);
  EXPECT_EQ(guest.owed(1).count(), 0u);
  EXPECT_EQ(image.digests(0).at(10), 7u);
  EXPECT_EQ(image.digests(0).at(11), kZeroDigest);
  EXPECT_EQ(image.digests(0).at(12), 9u);
  asking.landed(guest, 1, 0);
  EXPECT_EQ(guest.owed(0).count(), 0u);
}

}  // namespace
}  // namespace causeway
