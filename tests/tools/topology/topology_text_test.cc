// What is said of a host with two nodes and a card; the rest is what this
// machine has.
#include "tools/topology/topology_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/topology/topology_json.h"

namespace causeway {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

TEST(PuSetText, JoinsWhatFollows) {
  EXPECT_EQ(pu_set_text({}), "");
  EXPECT_EQ(pu_set_text({3}), "3");
  EXPECT_EQ(pu_set_text({0, 1, 2, 8, 10, 11}), "0-2,8,10-11");
}

class TopologyViewTest : public testing::Test {
 protected:
  void SetUp() override {
    const Topology topology =
        Topology::synthetic("pack:2 [numa(memory=8589934592)] core:4 pu:1")
            .value();
    host_.nodes.assign(topology.nodes().begin(), topology.nodes().end());
    host_.memory[0] = {1u << 30, {{2u << 20, 512, 500}}};
    host_.pin_limit = {8u << 20, 8u << 20, false};
    host_.pin_need_bytes = 64u << 20;
    host_.streams = 2;
    VerbsPort port;
    port.number = 1;
    port.state = "ACTIVE";
    port.link_layer = "Ethernet";
    port.rate_bits_s = 100'000'000'000;
    port.mtu_bytes = 4096;
    port.interfaces = {"eth0"};
    port.addresses = {"10.0.0.1"};
    VerbsDevice device;
    device.name = "mlx5_0";
    device.driver = "mlx5_core";
    device.node = 0;
    device.ports = {port};
    device.capacity = VerbsCapacity{};
    device.capacity->queue_pair_requests = 16;
    host_.verbs = {device};
    for (const auto node : {std::optional<unsigned>(), std::optional(1u)}) {
      host_.plans.push_back(plan_pins(topology, 2, node, host_.verbs));
    }
  }

  HostTopology host_;
};

TEST_F(TopologyViewTest, TextSaysWhatIsWhereAndWhatToSet) {
  const std::string text = topology_text(host_);
  EXPECT_THAT(text, HasSubstr("node 1: 4 cores (4-7)  memory 8G\n"));
  EXPECT_THAT(text, HasSubstr("1G free; 2M pages: 500 of 512 free"));
  EXPECT_THAT(text, HasSubstr("LimitMEMLOCK=infinity"));
  EXPECT_THAT(text, HasSubstr("mlx5_0: mlx5_core, node 0"));
  EXPECT_THAT(text,
              HasSubstr("port 1: ACTIVE, Ethernet, 100 Gbit/s, MTU 4096"));
  EXPECT_THAT(text, HasSubstr("eth0 10.0.0.1\n"));
  EXPECT_THAT(text, HasSubstr("worker 1 on node 1, processors 5"));
  EXPECT_THAT(text, HasSubstr("queues of mlx5_0 on node 1: another than the "
                              "device's, 0"));
}

TEST_F(TopologyViewTest, TroubleIsSaid) {
  host_.verbs[0].capacity.reset();
  host_.verbs[0].trouble = "no right to open it";
  EXPECT_THAT(topology_text(host_), HasSubstr("  no right to open it\n"));
  const json object = topology_to_json(host_);
  EXPECT_EQ(object["verbs"][0].at("trouble"), "no right to open it");
  EXPECT_TRUE(object["verbs"][0].at("capacity").is_null());
}

TEST_F(TopologyViewTest, JsonHasItAllAndNullForWhatIsNotKnown) {
  const json object = topology_to_json(host_);
  EXPECT_EQ(object["nodes"].size(), 2u);
  EXPECT_EQ(object["nodes"][1].at("cores"), json({{4}, {5}, {6}, {7}}));
  EXPECT_TRUE(object["nodes"][1].at("free_bytes").is_null());
  EXPECT_EQ(object["nodes"][0].at("huge_pages")[0].at("free"), 500);
  EXPECT_EQ(object["pin"].at("limit_bytes"), 8u << 20);
  EXPECT_NE(object["pin"].at("advice"), "");
  const json& device = object["verbs"][0];
  EXPECT_EQ(device.at("capacity").at("queue_pair_requests"), 16);
  EXPECT_EQ(device.at("ports")[0].at("rate_bits_s"), 100'000'000'000);
  const json& plan = object["plans"][1];
  EXPECT_EQ(plan.at("guest_node"), 1);
  EXPECT_EQ(plan.at("workers"), json({{4}, {5}}));
  EXPECT_EQ(plan.at("buffers").at("node"), 1);
  EXPECT_EQ(plan.at("queues")[0].at("remote"), true);
  EXPECT_TRUE(object["plans"][0].at("guest_node").is_null());
  EXPECT_FALSE(object.contains("guest"));
}

TEST_F(TopologyViewTest, AGuestIsNamed) {
  host_.guest = GuestPlacement{"g1", 42, 64u << 20, {{1, 60u << 20}}};
  host_.plans.erase(host_.plans.begin());
  const std::string text = topology_text(host_);
  EXPECT_THAT(text, HasSubstr("guest g1, 60M of its memory on node 1"));
  EXPECT_THAT(text, Not(HasSubstr("a guest that comes")));
  EXPECT_EQ(topology_to_json(host_)["guest"].at("node"), 1);
}

}  // namespace
}  // namespace causeway
