#include "tools/agent/rdma_fabrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace causeway {
namespace {

using testing::HasSubstr;

TEST(RdmaFabricTest, IsANameAndAnAddress) {
  const auto fabric = parse_rdma_fabric("ib0=10.1.0.7");
  ASSERT_TRUE(fabric) << fabric.error().message;
  EXPECT_EQ(fabric->name, "ib0");
  EXPECT_EQ(fabric->device_address, "10.1.0.7:0");
  EXPECT_EQ(parse_rdma_fabric("x=fd00::7").value().device_address,
            "[fd00::7]:0");
  for (const char* wrong : {"", "ib0", "=10.1.0.7", "ib0=", "ib0=nowhere"}) {
    EXPECT_FALSE(parse_rdma_fabric(wrong)) << wrong;
  }
}

TEST(RdmaFabricTest, WhatBothTrustIsTakenInTheSourcesOrder) {
  RdmaEnds ends;
  ends.fabrics = {{"slow", "10.0.0.1:0"}, {"fast", "10.1.0.1:0"}};
  FabricNames theirs;
  EXPECT_TRUE(choose_fabrics(ends, theirs, /*required=*/false).value().empty());
  *theirs.Add() = "elsewhere";
  EXPECT_TRUE(choose_fabrics(ends, theirs, /*required=*/false).value().empty());
  *theirs.Add() = "fast";
  *theirs.Add() = "slow";
  EXPECT_EQ(
      fabric_names(choose_fabrics(ends, theirs, /*required=*/false).value()),
      "fast, slow");
}

TEST(RdmaFabricTest, WhoWantsRdmaIsToldWhyNot) {
  RdmaEnds ends;
  ends.fabrics = {{"b-side", "10.0.0.1:0"}};
  FabricNames theirs;
  *theirs.Add() = "a-side";
  const auto refused = choose_fabrics(ends, theirs, /*required=*/true);
  ASSERT_FALSE(refused);
  for (const char* word : {"a-side", "b-side", "--rdma-fabric", "--path tcp"}) {
    EXPECT_THAT(refused.error().message, HasSubstr(word));
  }
}

}  // namespace
}  // namespace causeway
