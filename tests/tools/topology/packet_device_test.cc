#include "tools/topology/packet_device.h"

#include <gtest/gtest.h>

#include "tests/engine/runtime/sysfs_tree.h"

namespace causeway {
namespace {

TEST(PacketDevice, IsANetworkFunctionWithAUserSpaceDriver) {
  const SysfsTree tree;
  const auto function = [&](const std::string& name, const std::string& type,
                            const std::string& driver) {
    const std::string folder = "devices/pci0000:00/" + name;
    tree.file(folder + "/class", type);
    tree.file(folder + "/vendor", "0x8086");
    tree.file(folder + "/device", "0x1592");
    tree.file(folder + "/numa_node", "1");
    tree.link(folder + "/driver", "bus/pci/drivers/" + driver);
    tree.link("bus/pci/devices/" + name, folder);
  };
  function("0000:03:00.0", "0x020000", "vfio-pci");
  function("0000:03:00.1", "0x020000", "ice");
  function("0000:04:00.0", "0x010802", "vfio-pci");  // a disk
  const auto devices = packet_devices(tree.root());
  ASSERT_EQ(devices.size(), 1u);
  EXPECT_EQ(devices[0].pci_address, "0000:03:00.0");
  EXPECT_EQ(devices[0].driver, "vfio-pci");
  EXPECT_EQ(devices[0].vendor, "0x8086");
  EXPECT_EQ(devices[0].device, "0x1592");
  EXPECT_EQ(devices[0].node, 1u);
}

TEST(PacketDevice, OfAnInterfaceIsItsCardOrAPortOverIt) {
  NetworkInterface interface;
  interface.name = "eth0";
  interface.hardware = 1;
  interface.driver = "ice";
  interface.pci_address = "0000:03:00.0";
  EXPECT_EQ(packet_device_of(interface), "net_af_packet0,iface=eth0");
  interface.driver = "mlx5_core";
  EXPECT_EQ(packet_device_of(interface), "0000:03:00.0");
  interface.hardware = 772;  // a loopback
  EXPECT_EQ(packet_device_of(interface), "");
}

}  // namespace
}  // namespace causeway
