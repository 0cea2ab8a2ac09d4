// A whole migration over the wan path through DPDK ports: two hosts in network
// namespaces, their agents on the kernel's addresses, the movers' packets
// through net_af_packet on the same cable.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/integration/test_agent.h"

namespace causeway::integration {
namespace {

// A port on each of its cables.
TestAgentOptions host_with_ports(NamespacePair* network, int host, int ports) {
  TestAgentOptions options;
  options.network = network;
  options.host = host;
  for (int i = 0; i < ports; ++i) {
    const std::vector<std::string> port = {
        "--wan-device",
        fmt::format("net_af_packet{},iface={}", i, network->device(host, i)),
        "--wan-address", fmt::format("10.99.{}.{}/24", i, host + 1)};
    options.arguments.insert(options.arguments.end(), port.begin(), port.end());
  }
  return options;
}

TEST(DpdkMigration, AGuestMovesThroughPorts) {
  if (const std::string why = why_no_kvm(); !why.empty()) GTEST_SKIP() << why;
  if (geteuid() != 0) GTEST_SKIP() << "network namespaces need root";
  auto network = NamespacePair::create();
  ASSERT_TRUE(network) << network.error().message;
  const TestFolder folder;
  const TestAgent a(folder, "A", host_with_ports(&*network, 0, 1));
  const TestAgent b(folder, "B", host_with_ports(&*network, 1, 1));
  const CommandResult ran = a.run_guest(
      "g", {"--memory", "32M", "--disk", "16M", "--workload", "mixed:5M"});
  ASSERT_EQ(ran.exit_code, 0) << ran.text();
  ASSERT_TRUE(a.wait_until_filled("g")) << a.log();
  const CommandResult moved =
      causeway(folder, {"migrate", "g", "--from", a.operator_address(), "--to",
                        b.address(), "--path", "wan"});
  ASSERT_EQ(moved.exit_code, 0) << moved.text() << a.log() << b.log();
  EXPECT_NE(a.log().find("DPDK port net_af_packet0"), std::string::npos);
  EXPECT_NE(b.log().find("10.99.0.2/24"), std::string::npos);
  EXPECT_EQ(a.leftovers(), "");
  EXPECT_EQ(b.guest("check", "g").exit_code, 0);
}

// Of two hosts with two ports each all are used; where one has one, one.
TEST(DpdkMigration, AGuestMovesThroughTwoPortsAtOnce) {
  if (const std::string why = why_no_kvm(); !why.empty()) GTEST_SKIP() << why;
  if (geteuid() != 0) GTEST_SKIP() << "network namespaces need root";
  auto network =
      NamespacePair::create(Wiring::kDirect, NamespacePair::kMtuDefault, 2);
  ASSERT_TRUE(network) << network.error().message;
  const TestFolder folder;
  const TestAgent a(folder, "A", host_with_ports(&*network, 0, 2));
  for (const int ports : {2, 1}) {
    const TestAgent b(folder, "B" + std::to_string(ports),
                      host_with_ports(&*network, 1, ports));
    const std::string guest = "g" + std::to_string(ports);
    const CommandResult ran =
        a.run_guest(guest, {"--memory", "64M", "--content", "random", "--disk",
                            "16M", "--workload", "mixed:2M"});
    ASSERT_EQ(ran.exit_code, 0) << ran.text();
    ASSERT_TRUE(a.wait_until_filled(guest)) << a.log();
    const CommandResult moved =
        causeway(folder, {"migrate", guest, "--from", a.operator_address(),
                          "--to", b.address(), "--path", "wan", "--json",
                          folder.file("report.json")});
    ASSERT_EQ(moved.exit_code, 0) << moved.text() << a.log() << b.log();
    const auto report =
        nlohmann::json::parse(read_file(folder.file("report.json")));
    if (ports == 2) {
      ASSERT_EQ(report.at("lanes").size(), 2u) << report;
      for (int i = 0; i < 2; ++i) {
        const auto& lane = report["lanes"][i];
        EXPECT_EQ(lane.at("address").get<std::string>().rfind(
                      fmt::format("10.99.{}.1:", i), 0),
                  0u)
            << lane;
        EXPECT_EQ(lane.at("losses"), 0) << lane;
        EXPECT_GT(lane.at("bytes").get<uint64_t>(), 4u << 20) << lane;
      }
    } else {
      EXPECT_FALSE(report.contains("lanes")) << report;
    }
    EXPECT_EQ(a.leftovers(), "");
    EXPECT_EQ(b.guest("check", guest).exit_code, 0);
  }
}

}  // namespace
}  // namespace causeway::integration
