// What sysfs says of a device, by the path of its folder. Stateless: any
// thread. What a device does not say is empty.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace causeway {

// The first line, without blanks at its ends; empty: not there, or refused.
std::string sysfs_line(const std::filesystem::path& file);
std::optional<uint64_t> sysfs_number(const std::filesystem::path& file);
// Where a link leads, its last name; empty: there is none.
std::string sysfs_link_name(const std::filesystem::path& link);

// The NUMA node of the device, or of the nearest bus above it that has one: a
// virtio device lies below its PCI function. Nothing for one on no bus, and
// where the firmware does not say (one-node hosts).
std::optional<unsigned> sysfs_node(const std::filesystem::path& device);

// "0000:03:00.0": of the device, or of the PCI function that it lies below.
std::string sysfs_pci_address(const std::filesystem::path& device);

// In ascending order; empty: no such folder.
std::vector<std::filesystem::path> sysfs_entries(
    const std::filesystem::path& folder);

}  // namespace causeway
