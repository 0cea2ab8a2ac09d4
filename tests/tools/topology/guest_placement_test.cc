#include "tools/topology/guest_placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>

namespace causeway {
namespace {

using testing::HasSubstr;

// As Linux 6.18 writes it (numa(7)).
constexpr const char* kMaps =
    "55d0 default file=/usr/bin/vmm mapped=4 active=0 N0=4 "
    "kernelpagesize_kB=4\n"
    "7f00 default file=/memfd:causeway-ram-g1\\040(deleted) dirty=300 "
    "active=0 N0=100 N1=200 kernelpagesize_kB=4\n"
    "7f01 default file=/memfd:causeway-ram-g1\\040(deleted) huge dirty=2 "
    "N10=2 kernelpagesize_kB=2048\n"
    "7f02 default file=/memfd:causeway-ram-g10\\040(deleted) dirty=9 N2=9 "
    "kernelpagesize_kB=4\n"
    "7f03 default file=/memfd:causeway-owed\\040(deleted) dirty=1 N3=1 "
    "kernelpagesize_kB=4\n"
    "7f04 default anon=7 dirty=7 N4=7 kernelpagesize_kB=4\n";

TEST(GuestPlacement, IsOfThatGuestsRamAlone) {
  std::istringstream maps(kMaps);
  const auto bytes = ram_bytes_by_node(maps, "g1");
  ASSERT_TRUE(bytes);
  const std::map<unsigned, uint64_t> wanted = {
      {0, 100 * 4096}, {1, 200 * 4096}, {10, 2 * 2048 * 1024}};
  EXPECT_EQ(*bytes, wanted);
  const GuestPlacement guest{"g1", 1, 0, *bytes};
  EXPECT_EQ(guest.node(), 10u);  // by bytes, not by pages
}

TEST(GuestPlacement, AStrangersProcessHasNone) {
  std::istringstream maps(kMaps);
  EXPECT_EQ(ram_bytes_by_node(maps, "g"), std::nullopt);
  const auto guest = read_guest_placement("g1", ::getpid());
  ASSERT_FALSE(guest);
  EXPECT_EQ(guest.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(guest.error().message, HasSubstr("on the agent's host"));
}

TEST(GuestPlacement, WhatHasNoPagesIsOnNoNode) {
  std::istringstream maps(
      "7f00 default file=/memfd:causeway-ram-g1\\040(deleted)\n");
  const auto bytes = ram_bytes_by_node(maps, "g1");
  ASSERT_TRUE(bytes);
  const GuestPlacement guest{"g1", 1, 0, *bytes};
  EXPECT_EQ(guest.node(), std::nullopt);
}

}  // namespace
}  // namespace causeway
