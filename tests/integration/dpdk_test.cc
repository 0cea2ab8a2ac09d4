// A whole migration over the wan path through DPDK ports: two hosts in network
// namespaces, their agents on the kernel's addresses, the movers' packets
// through net_af_packet on the same cable.
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/integration/test_agent.h"

namespace causeway::integration {
namespace {

TestAgentOptions host_with_port(NamespacePair* network, int host) {
  TestAgentOptions options;
  options.network = network;
  options.host = host;
  options.arguments = {
      "--wan-device", "net_af_packet0,iface=" + network->device(host),
      "--wan-address", "10.99.0." + std::to_string(host + 1) + "/24"};
  return options;
}

TEST(DpdkMigration, AGuestMovesThroughPorts) {
  if (const std::string why = why_no_kvm(); !why.empty()) GTEST_SKIP() << why;
  if (geteuid() != 0) GTEST_SKIP() << "network namespaces need root";
  auto network = NamespacePair::create();
  ASSERT_TRUE(network) << network.error().message;
  const TestFolder folder;
  const TestAgent a(folder, "A", host_with_port(&*network, 0));
  const TestAgent b(folder, "B", host_with_port(&*network, 1));
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

}  // namespace
}  // namespace causeway::integration
