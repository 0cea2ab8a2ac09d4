// PacketDevice: what the wan path's DPDK port can be opened on (--wan-device),
// as far as sysfs says: whether DPDK has a driver for it shows when it is
// opened.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/runtime/network_interface.h"

namespace causeway {

// A PCI network function that was taken from the kernel for DPDK.
struct PacketDevice {
  std::string pci_address;  // "0000:03:00.0": --wan-device's value
  std::string driver;       // "vfio-pci", "uio_pci_generic", "igb_uio"
  std::string vendor;       // "0x8086"
  std::string device;
  std::optional<unsigned> node;
};

// By address. `sysfs`: "/sys", or a tree like it.
std::vector<PacketDevice> packet_devices(const std::filesystem::path& sysfs);

// What to give to --wan-device for an interface that the kernel has: its PCI
// function where DPDK's driver shares the card with the kernel's (mlx5, mlx4),
// else an AF_PACKET port over it. Empty: DPDK has nothing for it.
std::string packet_device_of(const NetworkInterface& interface);

}  // namespace causeway
