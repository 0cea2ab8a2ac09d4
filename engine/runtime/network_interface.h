// NetworkInterface: the network interfaces of a host, as sysfs and the kernel
// tell of them. Read once, plain values; any thread.
//
// Here, and not where they are used: a verbs device is found by the addresses
// of its interfaces (rdma/), and an operator is shown both (tools/).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/result.h"

namespace causeway {

struct InterfaceAddress {
  std::string interface;
  std::string address;  // "10.0.0.1", "fe80::1"; no scope
};

struct NetworkInterface {
  std::string name;
  std::string state;  // operstate (RFC 2863): "up", "down", "unknown", ...
  std::string mac;
  std::string driver;       // empty: a virtual one
  std::string pci_address;  // "0000:03:00.0"; empty: not on PCI
  uint32_t hardware = 0;    // ARPHRD_*: 1 Ethernet, 32 InfiniBand
  uint32_t port = 0;        // of several that its device has, from 0 on
  uint32_t mtu_bytes = 0;
  uint64_t rate_bits_s = 0;      // 0: not known
  std::optional<unsigned> node;  // NUMA; nothing: not known
  std::vector<std::string> addresses;
};

// Of this process's network namespace. IPv4 and IPv6.
Result<std::vector<InterfaceAddress>> interface_addresses();

// By name. `sysfs`: "/sys", or a tree like it.
std::vector<NetworkInterface> network_interfaces(
    const std::filesystem::path& sysfs,
    std::span<const InterfaceAddress> addresses);

}  // namespace causeway
