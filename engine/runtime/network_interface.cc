#include "engine/runtime/network_interface.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <cerrno>
#include <memory>

#include "engine/runtime/sysfs_device.h"

namespace causeway {
namespace {

constexpr uint64_t kMbitsToBits = 1'000'000;

// Empty: neither IPv4 nor IPv6.
std::string address_text(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = {};
  const void* bytes = nullptr;
  if (address == nullptr) return {};
  if (address->sa_family == AF_INET) {
    bytes = &reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
  } else if (address->sa_family == AF_INET6) {
    bytes = &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  } else {
    return {};
  }
  if (::inet_ntop(address->sa_family, bytes, text, sizeof text) == nullptr) {
    return {};
  }
  return text;
}

NetworkInterface read_interface(const std::filesystem::path& folder) {
  NetworkInterface interface;
  interface.name = folder.filename();
  interface.state = sysfs_line(folder / "operstate");
  interface.mac = sysfs_line(folder / "address");
  interface.driver = sysfs_link_name(folder / "device" / "driver");
  interface.pci_address = sysfs_pci_address(folder / "device");
  interface.node = sysfs_node(folder / "device");
  const auto number = [&](const char* file) {
    return sysfs_number(folder / file).value_or(0);
  };
  interface.hardware = static_cast<uint32_t>(number("type"));
  interface.port = static_cast<uint32_t>(number("dev_port"));
  interface.mtu_bytes = static_cast<uint32_t>(number("mtu"));
  // An interface that is down, or does not know, has -1 or refuses.
  interface.rate_bits_s = number("speed") * kMbitsToBits;
  return interface;
}

}  // namespace

Result<std::vector<InterfaceAddress>> interface_addresses() {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return errno_error(errno, "getifaddrs");
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(first,
                                                                 ::freeifaddrs);
  std::vector<InterfaceAddress> addresses;
  for (const ifaddrs* entry = first; entry != nullptr;
       entry = entry->ifa_next) {
    std::string text = address_text(entry->ifa_addr);
    if (!text.empty()) addresses.push_back({entry->ifa_name, std::move(text)});
  }
  return addresses;
}

std::vector<NetworkInterface> network_interfaces(
    const std::filesystem::path& sysfs,
    std::span<const InterfaceAddress> addresses) {
  std::vector<NetworkInterface> interfaces;
  for (const auto& folder : sysfs_entries(sysfs / "class" / "net")) {
    // bonding_masters is a file among them.
    std::error_code error;
    if (!std::filesystem::is_directory(folder, error)) continue;
    interfaces.push_back(read_interface(folder));
    for (const InterfaceAddress& own : addresses) {
      if (own.interface != interfaces.back().name) continue;
      interfaces.back().addresses.push_back(own.address);
    }
  }
  return interfaces;
}

}  // namespace causeway
