#include "engine/runtime/topology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <thread>
#include <vector>

#include "engine/runtime/node_buffer.h"

namespace causeway {
namespace {

using testing::ElementsAre;

constexpr const char* kTwoNodes =
    "pack:2 [numa(memory=8589934592)] core:4 pu:1";
constexpr const char* kSmt = "pack:1 [numa(memory=1073741824)] core:2 pu:2";

Topology synthetic(const char* description) {
  return Topology::synthetic(description).value();
}

TEST(Topology, NodesHaveTheirCoresAndMemory) {
  const Topology topology = synthetic(kTwoNodes);
  ASSERT_EQ(topology.nodes().size(), 2u);
  EXPECT_EQ(topology.nodes()[0].os_index, 0u);
  EXPECT_EQ(topology.nodes()[1].os_index, 1u);
  EXPECT_EQ(topology.nodes()[1].memory_bytes, 8589934592u);
  EXPECT_THAT(topology.nodes()[0].all_pus(), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(topology.nodes()[1].all_pus(), ElementsAre(4, 5, 6, 7));
  EXPECT_EQ(topology.node(1), &topology.nodes()[1]);
  EXPECT_EQ(topology.node(2), nullptr);
}

TEST(Topology, HardwareThreadsOfACoreStayTogether) {
  const Topology topology = synthetic(kSmt);
  ASSERT_EQ(topology.nodes()[0].cores.size(), 2u);
  EXPECT_THAT(topology.nodes()[0].cores[0], ElementsAre(0, 1));
  EXPECT_THAT(topology.nodes()[0].cores[1], ElementsAre(2, 3));
}

TEST(Topology, NonsenseIsRefusedByName) {
  auto topology = Topology::synthetic("pack:0 nonsense");
  ASSERT_FALSE(topology);
  EXPECT_EQ(topology.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(topology.error().message, testing::HasSubstr("pack:0 nonsense"));
}

TEST(Topology, ThisHostIsWhatThisThreadMayUse) {
  const Topology topology = Topology::of_this_host().value();
  ASSERT_FALSE(topology.nodes().empty());
  cpu_set_t allowed;
  ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
  size_t pus = 0;
  for (const NumaNode& node : topology.nodes()) pus += node.all_pus().size();
  EXPECT_EQ(pus, static_cast<size_t>(CPU_COUNT(&allowed)));
}

TEST(Topology, BindingMovesTheThread) {
  const Topology topology = Topology::of_this_host().value();
  const unsigned pu = topology.nodes().front().all_pus().back();
  std::thread([&] {
    ASSERT_TRUE(topology.bind_this_thread({pu}));
    cpu_set_t mask;
    ASSERT_EQ(::sched_getaffinity(0, sizeof mask, &mask), 0);
    EXPECT_EQ(CPU_COUNT(&mask), 1);
    EXPECT_TRUE(CPU_ISSET(pu, &mask));
    EXPECT_EQ(static_cast<unsigned>(::sched_getcpu()), pu);
  }).join();
}

TEST(Topology, BindingToAMissingProcessorIsAnErrorThatNamesIt) {
  const Topology topology = Topology::of_this_host().value();
  auto status = topology.bind_this_thread({100'000});
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, testing::HasSubstr("100000"));
}

TEST(Topology, BindingToAMissingNodeIsAnErrorThatNamesIt) {
  const Topology topology = Topology::of_this_host().value();
  auto buffer = NodeBuffer::allocate(topology, 999, 1u << 20);
  ASSERT_FALSE(buffer);
  EXPECT_THAT(buffer.error().message, testing::HasSubstr("node 999"));
}

TEST(Topology, BindingOnASyntheticTopologyDoesNothing) {
  const Topology topology = synthetic(kTwoNodes);
  std::thread([&] {
    cpu_set_t before;
    cpu_set_t after;
    ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
    EXPECT_TRUE(topology.bind_this_thread({7}));
    ASSERT_EQ(::sched_getaffinity(0, sizeof after, &after), 0);
    EXPECT_TRUE(CPU_EQUAL(&before, &after));
  }).join();
}

TEST(Topology, PagesLieOnTheNodeThatHasThem) {
  const Topology topology = Topology::of_this_host().value();
  const unsigned node = topology.nodes().back().os_index;
  auto buffer = NodeBuffer::allocate(topology, node, 64u << 10).value();
  const std::array<const std::byte*, 2> pages{buffer.bytes().data(),
                                              buffer.bytes().data() + 4096};
  const auto found = topology.node_of_pages(pages);
  if (!found) GTEST_SKIP() << "the kernel does not say where a page lies";
  EXPECT_EQ(*found, node);
}

TEST(Topology, InterfacesOffTheBusHaveNoNode) {
  EXPECT_FALSE(Topology::node_of_interface("lo"));
  EXPECT_FALSE(Topology::node_of_interface("no-such-if"));
  EXPECT_FALSE(Topology::node_of_interface("../../etc"));
  EXPECT_FALSE(Topology::node_of_interface(""));
}

TEST(NodeBuffer, IsThereWholeAndZero) {
  const Topology topology = Topology::of_this_host().value();
  const unsigned node = topology.nodes().front().os_index;
  auto buffer = NodeBuffer::allocate(topology, node, 100'000).value();
  EXPECT_GE(buffer.bytes().size(), 100'000u);
  EXPECT_TRUE(std::all_of(buffer.bytes().begin(), buffer.bytes().end(),
                          [](std::byte byte) { return byte == std::byte{0}; }));
  buffer.bytes().back() = std::byte{1};
}

TEST(PlanWorkers, StayOnTheNodeAndLeaveHalfOfItToGuests) {
  const Topology topology = synthetic(kTwoNodes);
  const WorkerPlan plan = plan_workers(topology, 2, 1);
  EXPECT_EQ(plan.node, 1u);
  EXPECT_THAT(plan.pus, ElementsAre(ElementsAre(4), ElementsAre(5)));
}

TEST(PlanWorkers, ShareTheNodeWhenTheyAreMany) {
  const Topology topology = synthetic(kTwoNodes);
  const WorkerPlan plan = plan_workers(topology, 3, 0);
  EXPECT_EQ(plan.node, 0u);
  ASSERT_EQ(plan.pus.size(), 3u);
  for (const PuSet& pus : plan.pus) EXPECT_THAT(pus, ElementsAre(0, 1, 2, 3));
}

TEST(PlanWorkers, TakeAWholeCoreWithItsHardwareThreads) {
  const Topology topology = synthetic(kSmt);
  const WorkerPlan plan = plan_workers(topology, 1, 0);
  EXPECT_THAT(plan.pus, ElementsAre(ElementsAre(0, 1)));
}

TEST(PlanWorkers, FallBackToTheFirstNodeThatHasCores) {
  const Topology topology = synthetic(kTwoNodes);
  EXPECT_EQ(plan_workers(topology, 1, std::nullopt).node, 0u);
  EXPECT_EQ(plan_workers(topology, 1, 7).node, 0u);
}

}  // namespace
}  // namespace causeway
