// causeway topology, as an operator runs it, on whatever machine this is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "tests/integration/test_agent.h"

namespace causeway::integration {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class TopologyTest : public ::testing::Test {
 protected:
  json topology(std::vector<std::string> more = {}) {
    std::vector<std::string> command = {"topology", "--json", "-"};
    command.insert(command.end(), more.begin(), more.end());
    const CommandResult result = causeway(folder_, command);
    EXPECT_EQ(result.exit_code, 0) << result.text();
    return json::parse(result.out, nullptr, false);
  }

  const TestFolder folder_;
};

TEST_F(TopologyTest, HasThisHostsProcessorsInterfacesAndPlans) {
  const json all = topology({"--streams", "3"});
  ASSERT_TRUE(all.is_object());
  std::set<unsigned> pus;
  for (const json& node : all.at("nodes")) {
    EXPECT_GT(node.at("memory_bytes"), 0u);
    for (const json& core : node.at("cores")) {
      for (const json& pu : core) pus.insert(pu.get<unsigned>());
    }
  }
  cpu_set_t allowed;
  ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
  EXPECT_EQ(pus.size(), static_cast<size_t>(CPU_COUNT(&allowed)));
  for (const unsigned pu : pus) EXPECT_TRUE(CPU_ISSET(pu, &allowed)) << pu;

  const json& interfaces = all.at("interfaces");
  const auto lo = std::find_if(
      interfaces.begin(), interfaces.end(),
      [](const json& entry) { return entry.at("interface") == "lo"; });
  ASSERT_NE(lo, interfaces.end());
  EXPECT_EQ(lo->at("addresses")[0], "127.0.0.1");
  EXPECT_EQ(lo->at("wan_device"), "");

  // A guest that comes, and one on each node.
  EXPECT_EQ(all.at("streams"), 3);
  const json& plans = all.at("plans");
  ASSERT_EQ(plans.size(), all.at("nodes").size() + 1);
  EXPECT_TRUE(plans[0].at("guest_node").is_null());
  for (const json& plan : plans) {
    EXPECT_EQ(plan.at("workers").size(), 3u);
    EXPECT_EQ(plan.at("queues").size(), all.at("verbs").size());
    EXPECT_EQ(plan.at("buffers").at("node"), plan.at("node"));
  }
}

TEST_F(TopologyTest, HasTheVerbsDevicesThatTheKernelHas) {
  std::set<std::string> wanted;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator("/sys/class/infiniband", error)) {
    wanted.insert(entry.path().filename());
  }
  std::set<std::string> found;
  const json all = topology();
  for (const json& device : all.at("verbs")) {
    found.insert(device.at("device").get<std::string>());
  }
  EXPECT_EQ(found, wanted);
  const CommandResult text = causeway(folder_, {"topology"});
  EXPECT_EQ(text.exit_code, 0) << text.text();
  if (wanted.empty()) {
    EXPECT_THAT(text.out, HasSubstr("verbs devices: none"));
  }
}

TEST_F(TopologyTest, HasTheLimitOfWhatMayBePinned) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_MEMLOCK, &limit), 0);
  const rlimit before = limit;
  limit.rlim_cur = 64 * 1024;
  ASSERT_EQ(::setrlimit(RLIMIT_MEMLOCK, &limit), 0);
  const json pin = topology().at("pin");
  ASSERT_EQ(::setrlimit(RLIMIT_MEMLOCK, &before), 0);
  EXPECT_EQ(pin.at("soft_bytes"), 64 * 1024);
  EXPECT_GT(pin.at("need_bytes"), 1u << 20);
  if (pin.at("exempt") == true) {
    EXPECT_TRUE(pin.at("limit_bytes").is_null());
    EXPECT_EQ(pin.at("advice"), "");
  } else {
    EXPECT_EQ(pin.at("limit_bytes"), 64 * 1024);
    EXPECT_THAT(pin.at("advice").get<std::string>(), HasSubstr("LimitMEMLOCK"));
  }
}

TEST_F(TopologyTest, PlansAsAMoverOnTwoNodesDoes) {
  ASSERT_EQ(::setenv("HWLOC_SYNTHETIC",
                     "pack:2 [numa(memory=8589934592)] core:4 pu:1", 1),
            0);
  const json all = topology();
  const CommandResult text = causeway(folder_, {"topology"});
  ::unsetenv("HWLOC_SYNTHETIC");
  ASSERT_EQ(all.at("plans").size(), 3u);
  const json& second = all["plans"][2];
  EXPECT_EQ(second.at("guest_node"), 1);
  EXPECT_EQ(second.at("node"), 1);
  EXPECT_EQ(second.at("own_cores"), true);
  EXPECT_EQ(second.at("workers"), json({{4}, {5}}));
  EXPECT_EQ(second.at("session"), json({4, 5, 6, 7}));
  EXPECT_THAT(text.out, HasSubstr("worker 1 on node 1, processors 5"));
}

TEST_F(TopologyTest, OfAGuestSaysWhereItsMemoryIs) {
  if (const std::string why = why_no_process_guest(); !why.empty()) {
    GTEST_SKIP() << why;
  }
  TestAgent agent(folder_, "A");
  const CommandResult ran = agent.run_guest(
      "g", {"--hypervisor", "process", "--memory", "8M", "--workload", "idle"});
  ASSERT_EQ(ran.exit_code, 0) << ran.text();
  ASSERT_TRUE(agent.wait_until_filled("g"));
  const std::string address = agent.operator_address();
  const json all = topology({"--guest", "g", "--agent", address});
  ASSERT_TRUE(all.contains("guest")) << all;
  const json& guest = all["guest"];
  EXPECT_EQ(guest.at("name"), "g");
  EXPECT_EQ(guest.at("pid"), agent.vmm_of("g"));
  EXPECT_EQ(guest.at("memory_bytes"), 8u << 20);
  uint64_t bytes = 0;
  for (const json& node : guest.at("nodes")) {
    bytes += node.at("bytes").get<uint64_t>();
  }
  // It has filled some of it, and has no more.
  EXPECT_GT(bytes, 1u << 20);
  EXPECT_LE(bytes, 8u << 20);
  ASSERT_EQ(all.at("plans").size(), 1u);
  EXPECT_EQ(all["plans"][0].at("guest_node"), guest.at("node"));
  // A small guest needs less than what a large one may pin.
  EXPECT_LT(all.at("pin").at("need_bytes"), topology()["pin"]["need_bytes"]);

  const CommandResult unknown =
      causeway(folder_, {"topology", "--guest", "x", "--agent", address});
  EXPECT_EQ(unknown.exit_code, 3) << unknown.text();
  EXPECT_THAT(unknown.err, HasSubstr("has no guest x"));
}

TEST_F(TopologyTest, NonsenseIsRefused) {
  const std::vector<std::vector<std::string>> wrong = {
      {"topology", "--streams", "0"},
      {"topology", "--streams", "65"},
      {"topology", "--agent", "127.0.0.1:1"}};  // to ask what?
  for (const auto& command : wrong) {
    const CommandResult result = causeway(folder_, command);
    EXPECT_EQ(result.exit_code, 2) << result.text();
  }
}

}  // namespace
}  // namespace causeway::integration
