// On this machine, whatever it has: none, or devices that say what they can.
#include "rdma/devices/device_list.h"

#include <gtest/gtest.h>

#include "engine/runtime/sysfs_device.h"

namespace causeway {
namespace {

TEST(DeviceList, HasEachDeviceOfTheKernelAndWhatItCanOrWhyNot) {
  const auto addresses = interface_addresses();
  ASSERT_TRUE(addresses) << addresses.error().message;
  const auto devices =
      list_verbs_devices(network_interfaces("/sys", *addresses));
  EXPECT_EQ(devices.size(), sysfs_entries("/sys/class/infiniband").size());
  for (const VerbsDevice& device : devices) {
    EXPECT_FALSE(device.ports.empty()) << device.name;
    EXPECT_NE(device.capacity.has_value(), !device.trouble.empty())
        << device.name << ": " << device.trouble;
  }
}

}  // namespace
}  // namespace causeway
