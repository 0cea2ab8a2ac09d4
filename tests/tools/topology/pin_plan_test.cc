#include "tools/topology/pin_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/migration/placement.h"
#include "engine/migration/sender.h"

namespace causeway {
namespace {

using testing::ElementsAre;

VerbsDevice device(const std::string& name, std::optional<unsigned> node) {
  VerbsDevice made;
  made.name = name;
  made.node = node;
  return made;
}

class PinPlanTest : public testing::Test {
 protected:
  const Topology topology_ =
      Topology::synthetic("pack:2 [numa(memory=8589934592)] core:4 pu:1")
          .value();
  const std::vector<VerbsDevice> devices_ = {
      device("near", 1), device("far", 0), device("soft", std::nullopt)};
};

TEST_F(PinPlanTest, EverythingIsOnTheNodeOfTheGuest) {
  const PinPlan plan = plan_pins(topology_, 2, 1, devices_);
  EXPECT_EQ(plan.guest_node, 1u);
  EXPECT_EQ(plan.workers.node, 1u);
  EXPECT_TRUE(plan.own_cores);
  EXPECT_THAT(plan.workers.pus, ElementsAre(PuSet{4}, PuSet{5}));
  EXPECT_THAT(plan.session_pus, ElementsAre(4, 5, 6, 7));
  EXPECT_EQ(plan.source_scratch_bytes, Sender::kScratchBytes);
  EXPECT_EQ(plan.target_scratch_bytes, Placement::kScratchBytes);
  ASSERT_EQ(plan.queues.size(), 3u);
  for (const QueuePlan& queue : plan.queues) EXPECT_EQ(queue.node, 1u);
  EXPECT_EQ(plan.queues[0].device, "near");
  EXPECT_FALSE(plan.queues[0].is_remote());
  EXPECT_TRUE(plan.queues[1].is_remote());
  EXPECT_FALSE(plan.queues[2].is_remote());  // nobody knows
}

TEST_F(PinPlanTest, ManyWorkersShareTheNode) {
  const PinPlan plan = plan_pins(topology_, 3, 0, devices_);
  EXPECT_FALSE(plan.own_cores);
  ASSERT_EQ(plan.workers.pus.size(), 3u);
  EXPECT_EQ(plan.workers.pus[2], plan.session_pus);
}

TEST_F(PinPlanTest, AGuestThatComesIsExpectedOnTheFirstNode) {
  const PinPlan plan = plan_pins(topology_, 1, std::nullopt, devices_);
  EXPECT_EQ(plan.guest_node, std::nullopt);
  EXPECT_EQ(plan.workers.node, 0u);
}

}  // namespace
}  // namespace causeway
