// PortOptions: what an operator says of one DPDK port.
#pragma once

#include <cstdint>
#include <string>

namespace causeway {

struct PortOptions {
  // A PCI address ("0000:03:00.0") or a virtual device in DPDK's own words
  // ("net_af_packet0,iface=eth1", whose ring sizes are filled in). A virtual
  // device's name is its own in the process.
  std::string device;
  // Ours, with the prefix of those who are reached without a gateway:
  // "192.0.2.5/24", "2001:db8::5/64". The kernel must not have it too.
  std::string address;
  std::string gateway;    // for all others; empty: there are none
  uint16_t udp_port = 0;  // 0: one from the dynamic range
  uint32_t mtu_bytes = 1500;
};

}  // namespace causeway
