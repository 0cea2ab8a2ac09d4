#include "engine/runtime/network_interface.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/runtime/sysfs_device.h"
#include "tests/engine/runtime/sysfs_tree.h"

namespace causeway {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kCard = "devices/pci0000:80/0000:80:01.0/0000:81:00.0";

class NetworkInterfaceTest : public testing::Test {
 protected:
  std::vector<NetworkInterface> read(
      const std::vector<InterfaceAddress>& addresses = {}) const {
    return network_interfaces(tree_.root(), addresses);
  }

  const SysfsTree tree_;
};

TEST_F(NetworkInterfaceTest, OneOnPciHasItsNodeDriverAndAddress) {
  tree_.file(std::string(kCard) + "/numa_node", "1");
  tree_.link(std::string(kCard) + "/driver", "bus/pci/drivers/mlx5_core");
  tree_.interface("eth0", "02:00:00:00:00:01", kCard, 9000);
  tree_.file("class/net/eth0/speed", "100000");
  tree_.file("class/net/eth0/dev_port", "1");
  const auto all = read({{"eth0", "10.0.0.1"}, {"lo", "::1"}});
  ASSERT_EQ(all.size(), 1u);
  const NetworkInterface& eth0 = all[0];
  EXPECT_EQ(eth0.name, "eth0");
  EXPECT_EQ(eth0.state, "up");
  EXPECT_EQ(eth0.mac, "02:00:00:00:00:01");
  EXPECT_EQ(eth0.driver, "mlx5_core");
  EXPECT_EQ(eth0.pci_address, "0000:81:00.0");
  EXPECT_EQ(eth0.hardware, 1u);
  EXPECT_EQ(eth0.port, 1u);
  EXPECT_EQ(eth0.mtu_bytes, 9000u);
  EXPECT_EQ(eth0.rate_bits_s, 100'000'000'000u);
  EXPECT_EQ(eth0.node, 1u);
  EXPECT_THAT(eth0.addresses, ElementsAre("10.0.0.1"));
}

// A virtio interface's device is no PCI function; the one above it is.
TEST_F(NetworkInterfaceTest, TheNodeMayBeThatOfABusAbove) {
  const std::string device = std::string(kCard) + "/virtio2";
  tree_.file(std::string(kCard) + "/numa_node", "3");
  tree_.file(device + "/status", "0x7");
  tree_.interface("eth0", "02:00:00:00:00:01", device);
  EXPECT_EQ(read().at(0).node, 3u);
  EXPECT_EQ(read().at(0).pci_address, "0000:81:00.0");
}

TEST_F(NetworkInterfaceTest, WhatIsNotKnownIsNotMadeUp) {
  tree_.file(std::string(kCard) + "/numa_node", "-1");
  tree_.interface("eth0", "02:00:00:00:00:01", kCard);
  tree_.file("class/net/eth0/speed", "-1");  // the link is down
  tree_.interface("veth0", "02:00:00:00:00:02", "");
  tree_.file("class/net/bonding_masters", "bond0");
  const auto all = read();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].node, std::nullopt);
  EXPECT_EQ(all[0].rate_bits_s, 0u);
  EXPECT_EQ(all[1].name, "veth0");
  EXPECT_EQ(all[1].pci_address, "");
  EXPECT_EQ(all[1].driver, "");
  EXPECT_EQ(all[1].node, std::nullopt);
  EXPECT_THAT(all[1].addresses, IsEmpty());
}

TEST_F(NetworkInterfaceTest, AHostWithoutSysfsHasNone) {
  EXPECT_THAT(read(), IsEmpty());
}

TEST(NetworkInterfaces, ThisHostHasItsLoopback) {
  const auto addresses = interface_addresses();
  ASSERT_TRUE(addresses) << addresses.error().message;
  const auto all = network_interfaces("/sys", *addresses);
  const auto lo = std::find_if(all.begin(), all.end(),
                               [](const auto& i) { return i.name == "lo"; });
  ASSERT_NE(lo, all.end());
  EXPECT_THAT(lo->addresses, Contains("127.0.0.1"));
  EXPECT_GT(lo->mtu_bytes, 0u);
  EXPECT_EQ(lo->hardware, 772u);  // ARPHRD_LOOPBACK
}

TEST(SysfsDevice, NumbersAreWholeOrNothing) {
  const SysfsTree tree;
  const auto number = [&](const char* text) {
    tree.file("n", text);
    return sysfs_number(tree.root() / "n");
  };
  EXPECT_EQ(number("4096"), 4096u);
  EXPECT_EQ(number("  7 "), 7u);
  EXPECT_EQ(number("0x1c"), 28u);
  EXPECT_EQ(number("18446744073709551615"), UINT64_MAX);
  for (const char* wrong :
       {"", "-1", "0x", "7 kB", "x", "1e3", "18446744073709551616"}) {
    EXPECT_EQ(number(wrong), std::nullopt) << wrong;
  }
  EXPECT_EQ(sysfs_number(tree.root() / "none"), std::nullopt);
}

TEST(SysfsDevice, PciAddressesAreTold) {
  const SysfsTree tree;
  for (const char* good : {"0000:03:00.0", "10000:e1:1f.7"}) {
    tree.file(std::string("devices/") + good + "/x", "");
    EXPECT_EQ(sysfs_pci_address(tree.root() / "devices" / good), good);
  }
  for (const char* wrong : {"pci0000:00", "0000-03:00.0", "0000:03:00:0",
                            "000:03:00.0", "0000:0g:00.0", "virtio2"}) {
    tree.file(std::string("devices/") + wrong + "/x", "");
    EXPECT_EQ(sysfs_pci_address(tree.root() / "devices" / wrong), "");
  }
}

}  // namespace
}  // namespace causeway
