#include "rdma/devices/verbs_device.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "engine/runtime/sysfs_device.h"

namespace causeway {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kArpInfiniband = 32;  // ARPHRD_INFINIBAND
constexpr size_t kMacDigits = 12;

// "4: ACTIVE" -> "ACTIVE".
std::string after_colon(const std::string& line) {
  const size_t at = line.find(": ");
  return at == std::string::npos ? line : line.substr(at + 2);
}

std::string without_colons(std::string text) {
  std::erase(text, ':');
  return text;
}

bool same_device(const fs::path& a, const fs::path& b) {
  std::error_code error;
  return fs::equivalent(a, b, error) && !error;
}

// On InfiniBand, IPoIB's: those of the same PCI function and port.
bool is_over_port(const fs::path& sysfs, const NetworkInterface& interface,
                  const fs::path& device, const VerbsPort& port) {
  return interface.hardware == kArpInfiniband &&
         interface.port + 1 == port.number &&
         same_device(sysfs / "class" / "net" / interface.name / "device",
                     device / "device");
}

// An iWARP port's one GID is its interface's hardware address, then zeros.
bool has_mac(const VerbsPort& port, const NetworkInterface& interface) {
  const std::string mac = without_colons(interface.mac);
  return mac.size() == kMacDigits && !port.gids.empty() &&
         without_colons(port.gids.front().gid).starts_with(mac);
}

// RoCE: the table names the interface of each entry, and rdma_cm takes an
// address only with its entry.
bool has_gid(const VerbsPort& port, const std::string& interface,
             const std::string& address) {
  return std::any_of(port.gids.begin(), port.gids.end(), [&](const Gid& gid) {
    return gid.interface == interface && gid.address == address;
  });
}

bool is_link_local(const std::string& address) {
  return address.starts_with("fe80:");
}

class PortFinder {
 public:
  PortFinder(const fs::path& sysfs, const fs::path& device, bool is_iwarp,
             std::span<const NetworkInterface> interfaces)
      : sysfs_(sysfs),
        device_(device),
        is_iwarp_(is_iwarp),
        interfaces_(interfaces) {}

  void find(VerbsPort& port) const {
    const bool roce = port.link_layer == "Ethernet" && !is_iwarp_;
    for (const NetworkInterface& interface : interfaces_) {
      if (!belongs(port, interface)) continue;
      port.interfaces.push_back(interface.name);
      for (const std::string& address : interface.addresses) {
        if (is_link_local(address)) continue;
        if (roce && !has_gid(port, interface.name, address)) continue;
        port.addresses.push_back(address);
      }
    }
  }

 private:
  bool belongs(const VerbsPort& port, const NetworkInterface& interface) const {
    if (port.link_layer == "InfiniBand") {
      return is_over_port(sysfs_, interface, device_, port);
    }
    if (is_iwarp_) return has_mac(port, interface);
    return std::any_of(port.gids.begin(), port.gids.end(), [&](const Gid& gid) {
      return gid.interface == interface.name;
    });
  }

  const fs::path& sysfs_;
  const fs::path& device_;
  bool is_iwarp_;
  std::span<const NetworkInterface> interfaces_;
};

VerbsPort read_port(const fs::path& folder) {
  VerbsPort port;
  port.number = static_cast<unsigned>(std::atoi(folder.filename().c_str()));
  port.state = after_colon(sysfs_line(folder / "state"));
  port.link_layer = sysfs_line(folder / "link_layer");
  port.rate = sysfs_line(folder / "rate");
  port.rate_bits_s = port_rate_bits_s(port.rate);
  port.lid = static_cast<uint32_t>(sysfs_number(folder / "lid").value_or(0));
  port.gids = read_gid_table(folder);
  return port;
}

// A software device is on no bus: it lies where its interface does.
std::optional<unsigned> node_of_interfaces(
    const VerbsDevice& device, std::span<const NetworkInterface> interfaces) {
  for (const NetworkInterface& interface : interfaces) {
    for (const VerbsPort& port : device.ports) {
      const auto found = std::find(port.interfaces.begin(),
                                   port.interfaces.end(), interface.name);
      if (found != port.interfaces.end() && interface.node) {
        return interface.node;
      }
    }
  }
  return std::nullopt;
}

// What the module ib_uverbs calls it.
std::string uverbs_of(const fs::path& sysfs, const std::string& device) {
  for (const fs::path& folder :
       sysfs_entries(sysfs / "class" / "infiniband_verbs")) {
    if (sysfs_line(folder / "ibdev") == device) return folder.filename();
  }
  return {};
}

VerbsDevice read_device(const fs::path& sysfs, const fs::path& folder,
                        std::span<const NetworkInterface> interfaces) {
  VerbsDevice device;
  device.name = folder.filename();
  device.is_iwarp = after_colon(sysfs_line(folder / "node_type")) == "RNIC";
  device.uverbs = uverbs_of(sysfs, device.name);
  device.firmware = sysfs_line(folder / "fw_ver");
  device.node_guid = sysfs_line(folder / "node_guid");
  device.driver = sysfs_link_name(folder / "device" / "driver");
  device.vendor = sysfs_line(folder / "device" / "vendor");
  device.pci_address = sysfs_pci_address(folder / "device");
  // The kernel's only two drivers that need no device.
  if (device.driver.empty()) device.driver = device.is_iwarp ? "siw" : "rxe";
  const PortFinder finder(sysfs, folder, device.is_iwarp, interfaces);
  for (const fs::path& port : sysfs_entries(folder / "ports")) {
    device.ports.push_back(read_port(port));
    finder.find(device.ports.back());
  }
  std::sort(device.ports.begin(), device.ports.end(),
            [](const VerbsPort& a, const VerbsPort& b) {
              return a.number < b.number;
            });
  device.node = sysfs_node(folder / "device");
  if (!device.node) device.node = node_of_interfaces(device, interfaces);
  return device;
}

}  // namespace

uint64_t port_rate_bits_s(const std::string& rate) {
  char* rest = nullptr;
  const double number = std::strtod(rate.c_str(), &rest);
  if (rest == rate.c_str() || !(number > 0) || number > 1e6) return 0;
  if (!std::string_view(rest).starts_with(" Gb/sec")) return 0;
  return static_cast<uint64_t>(std::llround(number * 1e9));
}

std::vector<VerbsDevice> read_verbs_devices(
    const fs::path& sysfs, std::span<const NetworkInterface> interfaces) {
  std::vector<VerbsDevice> devices;
  for (const fs::path& folder : sysfs_entries(sysfs / "class" / "infiniband")) {
    devices.push_back(read_device(sysfs, folder, interfaces));
  }
  return devices;
}

}  // namespace causeway
