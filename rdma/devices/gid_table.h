// GidTable: what a port of a verbs device is called on its fabric (IBA 4.1.1,
// RoCE's annexes A16 and A17), as sysfs has it. On RoCE an entry is an address
// of a network interface; that is how rdma_cm finds the port of an address.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace causeway {

struct Gid {
  unsigned index = 0;
  std::string gid;        // as sysfs writes it: eight groups of four digits
  std::string type;       // "RoCE v2", "IB/RoCE v1"; empty: it does not say
  std::string interface;  // the network interface; empty on InfiniBand
  std::string address;    // on RoCE, the same as an IP address
};

// The entries in use, by their index. `port`: .../infiniband/DEVICE/ports/N.
std::vector<Gid> read_gid_table(const std::filesystem::path& port);

// "0000:...:ffff:0a63:0001" -> "10.99.0.1", another one -> IPv6's short form.
// Empty: no GID.
std::string gid_address(std::string_view gid);

}  // namespace causeway
