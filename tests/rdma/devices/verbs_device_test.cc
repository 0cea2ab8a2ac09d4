// The devices of a host as its sysfs has them. The trees are those of real
// kernels: rxe's was read in the lab system (Linux 6.12), the cards' are as the
// kernel's documents and drivers have them.
#include "rdma/devices/verbs_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/engine/runtime/sysfs_tree.h"

namespace causeway {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kNoGid = "0000:0000:0000:0000:0000:0000:0000:0000";
constexpr const char* kCard = "devices/pci0000:80/0000:81:00.0";

class VerbsDeviceTest : public testing::Test {
 protected:
  void device(const std::string& name, const std::string& type) const {
    tree_.file("class/infiniband/" + name + "/node_type", type);
    tree_.file("class/infiniband/" + name + "/node_guid",
               "5054:00ff:fe12:3456");
  }
  // The device on the card, of node 1.
  void on_card(const std::string& name) const {
    tree_.file(std::string(kCard) + "/numa_node", "1");
    tree_.file(std::string(kCard) + "/vendor", "0x15b3");
    tree_.link(std::string(kCard) + "/driver", "bus/pci/drivers/mlx5_core");
    tree_.link("class/infiniband/" + name + "/device", kCard);
  }
  void port(const std::string& device, int number,
            const std::string& link_layer, const std::string& rate) const {
    const std::string folder = port_folder(device, number);
    tree_.file(folder + "state", "4: ACTIVE");
    tree_.file(folder + "link_layer", link_layer);
    tree_.file(folder + "rate", rate);
    tree_.file(folder + "lid", "0x0");
  }
  void gid(const std::string& device, int index, const std::string& gid,
           const std::string& type = "", const std::string& interface = "",
           int number = 1) const {
    const std::string folder = port_folder(device, number);
    const std::string name = std::to_string(index);
    tree_.file(folder + "gids/" + name, gid);
    if (!type.empty()) tree_.file(folder + "gid_attrs/types/" + name, type);
    if (!interface.empty()) {
      tree_.file(folder + "gid_attrs/ndevs/" + name, interface);
    }
  }
  std::vector<VerbsDevice> read(
      const std::vector<InterfaceAddress>& addresses = {}) const {
    return read_verbs_devices(tree_.root(),
                              network_interfaces(tree_.root(), addresses));
  }

  const SysfsTree tree_;

 private:
  static std::string port_folder(const std::string& device, int number) {
    return "class/infiniband/" + device + "/ports/" + std::to_string(number) +
           "/";
  }
};

TEST_F(VerbsDeviceTest, AHostWithoutVerbsHasNone) {
  EXPECT_THAT(read(), IsEmpty());
}

TEST_F(VerbsDeviceTest, SoftRoceHasItsInterfacesAddresses) {
  tree_.interface("wire0", "02:00:00:00:00:01", "", 4200);
  tree_.interface("wire1", "02:00:00:00:00:02", "", 4200);
  device("rxe0", "1: CA");
  port("rxe0", 1, "Ethernet", "10 Gb/sec (1X FDR10)");
  gid("rxe0", 0, "fe80:0000:0000:0000:0000:00ff:fe00:0001", "RoCE v2", "wire0");
  gid("rxe0", 1, "0000:0000:0000:0000:0000:ffff:0a63:0001", "RoCE v2", "wire0");
  gid("rxe0", 2, kNoGid);
  // A second address of the interface has no entry: rdma_cm would not find it.
  const auto devices = read({{"wire0", "10.99.0.1"},
                             {"wire0", "10.99.0.9"},
                             {"wire0", "fe80::ff:fe00:1"},
                             {"wire1", "10.99.0.2"}});
  ASSERT_EQ(devices.size(), 1u);
  const VerbsDevice& rxe0 = devices[0];
  EXPECT_EQ(rxe0.name, "rxe0");
  EXPECT_EQ(rxe0.driver, "rxe");
  EXPECT_EQ(rxe0.pci_address, "");
  EXPECT_EQ(rxe0.uverbs, "");  // the module is not loaded
  EXPECT_EQ(rxe0.node_guid, "5054:00ff:fe12:3456");
  EXPECT_FALSE(rxe0.is_iwarp);
  EXPECT_EQ(rxe0.node, std::nullopt);
  EXPECT_EQ(rxe0.capacity, std::nullopt);
  ASSERT_EQ(rxe0.ports.size(), 1u);
  const VerbsPort& only = rxe0.ports[0];
  EXPECT_EQ(only.number, 1u);
  EXPECT_EQ(only.state, "ACTIVE");
  EXPECT_EQ(only.link_layer, "Ethernet");
  EXPECT_EQ(only.rate_bits_s, 10'000'000'000u);
  EXPECT_THAT(only.interfaces, ElementsAre("wire0"));
  EXPECT_THAT(only.addresses, ElementsAre("10.99.0.1"));
  ASSERT_EQ(only.gids.size(), 2u);
  EXPECT_EQ(only.gids[1].index, 1u);
  EXPECT_EQ(only.gids[1].type, "RoCE v2");
  EXPECT_EQ(only.gids[1].interface, "wire0");
  EXPECT_EQ(only.gids[1].address, "10.99.0.1");
}

TEST_F(VerbsDeviceTest, ACardHasItsBusItsNodeAndItsVlans) {
  tree_.interface("eth0", "02:00:00:00:00:01", kCard, 9000);
  tree_.interface("eth0.7", "02:00:00:00:00:01", "", 9000);
  device("mlx5_0", "1: CA");
  on_card("mlx5_0");
  tree_.file("class/infiniband/mlx5_0/fw_ver", "16.35.2000");
  tree_.file("class/infiniband_verbs/abi_version", "6");
  tree_.file("class/infiniband_verbs/uverbs0/ibdev", "mlx4_0");
  tree_.file("class/infiniband_verbs/uverbs1/ibdev", "mlx5_0");
  port("mlx5_0", 1, "Ethernet", "100 Gb/sec (4X EDR)");
  // Both of RoCE's versions have the address; it is one address.
  gid("mlx5_0", 0, "0000:0000:0000:0000:0000:ffff:0a00:0001", "IB/RoCE v1",
      "eth0");
  gid("mlx5_0", 1, "0000:0000:0000:0000:0000:ffff:0a00:0001", "RoCE v2",
      "eth0");
  gid("mlx5_0", 10, "2001:0db8:0000:0000:0000:0000:0000:0007", "RoCE v2",
      "eth0.7");
  gid("mlx5_0", 9, "0000:0000:0000:0000:0000:ffff:0a07:0001", "RoCE v2",
      "eth0.7");
  const auto devices = read({{"eth0", "10.0.0.1"},
                             {"eth0.7", "10.7.0.1"},
                             {"eth0.7", "2001:db8::7"}});
  ASSERT_EQ(devices.size(), 1u);
  const VerbsDevice& card = devices[0];
  EXPECT_EQ(card.driver, "mlx5_core");
  EXPECT_EQ(card.uverbs, "uverbs1");
  EXPECT_EQ(card.vendor, "0x15b3");
  EXPECT_EQ(card.pci_address, "0000:81:00.0");
  EXPECT_EQ(card.firmware, "16.35.2000");
  EXPECT_EQ(card.node, 1u);
  ASSERT_EQ(card.ports.size(), 1u);
  EXPECT_EQ(card.ports[0].rate_bits_s, 100'000'000'000u);
  EXPECT_THAT(card.ports[0].interfaces, ElementsAre("eth0", "eth0.7"));
  EXPECT_THAT(card.ports[0].addresses,
              ElementsAre("10.0.0.1", "10.7.0.1", "2001:db8::7"));
  ASSERT_EQ(card.ports[0].gids.size(), 4u);
  EXPECT_EQ(card.ports[0].gids[2].index, 9u);  // by number, not by name
  EXPECT_EQ(card.ports[0].gids[3].index, 10u);
}

// Two ports of one InfiniBand card, an IPoIB interface on each, and one on
// another card: IPoIB's addresses are in no GID table.
TEST_F(VerbsDeviceTest, InfinibandHasTheAddressesOfIpoib) {
  constexpr int kInfiniband = 32;
  tree_.interface("ib0", "80:00", kCard, 2044, kInfiniband);
  tree_.interface("ib1", "80:01", kCard, 2044, kInfiniband);
  tree_.file("class/net/ib1/dev_port", "1");
  tree_.file("devices/pci0000:00/0000:01:00.0/numa_node", "0");
  tree_.interface("ib2", "80:02", "devices/pci0000:00/0000:01:00.0", 2044,
                  kInfiniband);
  device("mlx5_0", "1: CA");
  on_card("mlx5_0");
  for (const int number : {1, 2}) {
    port("mlx5_0", number, "InfiniBand", "56 Gb/sec (4X FDR)");
    gid("mlx5_0", 0,
        "fe80:0000:0000:0000:ec0d:9a03:0011:223" + std::to_string(number),
        "IB/RoCE v1", "", number);
  }
  tree_.file("class/infiniband/mlx5_0/ports/2/lid", "0x1c");
  const auto devices =
      read({{"ib0", "10.1.0.1"}, {"ib1", "10.2.0.1"}, {"ib2", "10.3.0.1"}});
  ASSERT_EQ(devices.size(), 1u);
  ASSERT_EQ(devices[0].ports.size(), 2u);
  const VerbsPort& first = devices[0].ports[0];
  const VerbsPort& second = devices[0].ports[1];
  EXPECT_THAT(first.interfaces, ElementsAre("ib0"));
  EXPECT_THAT(first.addresses, ElementsAre("10.1.0.1"));
  EXPECT_EQ(first.lid, 0u);
  EXPECT_THAT(second.interfaces, ElementsAre("ib1"));
  EXPECT_THAT(second.addresses, ElementsAre("10.2.0.1"));
  EXPECT_EQ(second.lid, 28u);
  // A name on the fabric, no address.
  EXPECT_EQ(second.gids.at(0).address, "");
}

TEST_F(VerbsDeviceTest, IwarpIsFoundByItsHardwareAddress) {
  tree_.interface("eth0", "02:00:00:00:00:01", kCard);
  tree_.interface("eth1", "02:00:00:00:00:02", "");
  tree_.file(std::string(kCard) + "/numa_node", "1");
  device("siw0", "4: RNIC");
  port("siw0", 1, "Ethernet", "10 Gb/sec (4X SDR)");
  gid("siw0", 0, "0200:0000:0001:0000:0000:0000:0000:0000");
  const auto devices = read({{"eth0", "10.0.0.1"}, {"eth1", "10.0.0.2"}});
  ASSERT_EQ(devices.size(), 1u);
  EXPECT_TRUE(devices[0].is_iwarp);
  EXPECT_EQ(devices[0].driver, "siw");
  EXPECT_THAT(devices[0].ports.at(0).addresses, ElementsAre("10.0.0.1"));
  // On no bus itself: it is where its interface is.
  EXPECT_EQ(devices[0].node, 1u);
}

TEST_F(VerbsDeviceTest, APortThatIsDownHasNoAddress) {
  tree_.interface("eth0", "02:00:00:00:00:01", "");
  device("rxe0", "1: CA");
  port("rxe0", 1, "Ethernet", "0.0 Gb/sec");
  tree_.file("class/infiniband/rxe0/ports/1/state", "1: DOWN");
  gid("rxe0", 0, kNoGid);
  const VerbsPort down = read({{"eth0", "10.0.0.1"}}).at(0).ports.at(0);
  EXPECT_EQ(down.state, "DOWN");
  EXPECT_EQ(down.rate_bits_s, 0u);
  EXPECT_THAT(down.gids, IsEmpty());
  EXPECT_THAT(down.addresses, IsEmpty());
}

TEST(PortRate, IsBitsOrNothing) {
  EXPECT_EQ(port_rate_bits_s("2.5 Gb/sec (1X SDR)"), 2'500'000'000u);
  EXPECT_EQ(port_rate_bits_s("400 Gb/sec (4X NDR)"), 400'000'000'000u);
  for (const char* wrong : {"", "fast", "100", "100 Mb/sec", "-1 Gb/sec",
                            "nan Gb/sec", "1e300 Gb/sec"}) {
    EXPECT_EQ(port_rate_bits_s(wrong), 0u) << wrong;
  }
}

TEST(GidAddress, IsThatOfRoce) {
  EXPECT_EQ(gid_address("0000:0000:0000:0000:0000:ffff:0a63:0001"),
            "10.99.0.1");
  EXPECT_EQ(gid_address("fe80:0000:0000:0000:5054:00ff:fe12:3456"),
            "fe80::5054:ff:fe12:3456");
  EXPECT_EQ(gid_address(""), "");
  EXPECT_EQ(gid_address("0000:0000"), "");
  EXPECT_EQ(gid_address("10.99.0.1"), "");
}

}  // namespace
}  // namespace causeway
