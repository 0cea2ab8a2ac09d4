#include "tools/topology/packet_device.h"

#include <algorithm>
#include <array>

#include "engine/runtime/sysfs_device.h"

namespace causeway {
namespace {

constexpr uint32_t kArpEthernet = 1;         // ARPHRD_ETHER
constexpr uint64_t kPciClassNetwork = 0x02;  // of the class's three bytes

constexpr std::array<const char*, 3> kUserSpaceDrivers = {
    "vfio-pci", "uio_pci_generic", "igb_uio"};

}  // namespace

std::vector<PacketDevice> packet_devices(const std::filesystem::path& sysfs) {
  std::vector<PacketDevice> devices;
  for (const auto& folder : sysfs_entries(sysfs / "bus" / "pci" / "devices")) {
    if (sysfs_number(folder / "class").value_or(0) >> 16 != kPciClassNetwork) {
      continue;
    }
    const std::string driver = sysfs_link_name(folder / "driver");
    if (std::find(kUserSpaceDrivers.begin(), kUserSpaceDrivers.end(), driver) ==
        kUserSpaceDrivers.end()) {
      continue;
    }
    devices.push_back({folder.filename(), driver, sysfs_line(folder / "vendor"),
                       sysfs_line(folder / "device"), sysfs_node(folder)});
  }
  return devices;
}

std::string packet_device_of(const NetworkInterface& interface) {
  if (interface.hardware != kArpEthernet) return {};
  const bool shared =
      interface.driver == "mlx5_core" || interface.driver == "mlx4_core";
  if (shared && !interface.pci_address.empty()) return interface.pci_address;
  return "net_af_packet0,iface=" + interface.name;
}

}  // namespace causeway
