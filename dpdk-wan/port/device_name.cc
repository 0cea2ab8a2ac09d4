#include "dpdk-wan/port/device_name.h"

#include <algorithm>
#include <cctype>

namespace causeway {
namespace {

constexpr uint32_t kPlainRoomBytes = 2048;
constexpr uint32_t kJumboRoomBytes = 10240;
// Ethernet, a VLAN tag or two, and what the kernel puts in front of a frame
// in its ring (TPACKET_V2).
constexpr uint32_t kAroundMtuBytes = 100;

bool is_hex(std::string_view text, size_t digits) {
  return text.size() == digits &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isxdigit(c) != 0; });
}

// "0000:03:00.0"; the domain may be left out.
bool is_pci_address(std::string_view text) {
  if (text.size() == 12 && text[4] == ':') {
    if (!is_hex(text.substr(0, 4), 4)) return false;
    text.remove_prefix(5);
  }
  return text.size() == 7 && is_hex(text.substr(0, 2), 2) && text[2] == ':' &&
         is_hex(text.substr(3, 2), 2) && text[5] == '.' &&
         is_hex(text.substr(6), 1);
}

std::string_view value_of(std::string_view arguments, std::string_view key) {
  const std::string wanted = fmt::format(",{}=", key);
  const size_t at = arguments.find(wanted);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = arguments.substr(at + wanted.size());
  return rest.substr(0, rest.find(','));
}

void fill_in(std::string& arguments, std::string_view key, uint32_t value) {
  if (!value_of(arguments, key).empty()) return;
  arguments += fmt::format(",{}={}", key, value);
}

// Ring sizes at which it was measured fastest; jumbo frames need other blocks,
// of whole frames and whole pages both.
void fill_in_af_packet(std::string& arguments, uint32_t mtu_bytes) {
  const uint32_t room = frame_room_bytes(mtu_bytes);
  const bool jumbo = room > kPlainRoomBytes;
  fill_in(arguments, "framesz", room);
  fill_in(arguments, "blocksz", jumbo ? 40960 : 65536);
  fill_in(arguments, "framecnt", jumbo ? 512 : 2048);
  fill_in(arguments, "qdisc_bypass", 1);
}

}  // namespace

uint32_t frame_room_bytes(uint32_t mtu_bytes) {
  return mtu_bytes + kAroundMtuBytes <= kPlainRoomBytes ? kPlainRoomBytes
                                                        : kJumboRoomBytes;
}

Result<DeviceName> parse_device_name(std::string_view text,
                                     uint32_t mtu_bytes) {
  DeviceName device;
  device.name = text.substr(0, text.find(','));
  device.arguments = text;
  if (is_pci_address(device.name)) {
    device.is_pci = true;
    if (device.name.size() == 7) {
      device.name.insert(0, "0000:");
      device.arguments.insert(0, "0000:");
    }
    return device;
  }
  if (device.name.substr(0, 4) != "net_" || device.name.size() == 4) {
    return make_error(ErrorCode::kInvalidArgument,
                      "'{}' is no DPDK device: give a PCI address "
                      "(0000:03:00.0) or a virtual device "
                      "(net_af_packet0,iface=eth1).",
                      text);
  }
  if (device.name.rfind("net_af_packet", 0) == 0) {
    device.interface = value_of(device.arguments, "iface");
    if (device.interface.empty()) {
      return make_error(ErrorCode::kInvalidArgument,
                        "'{}' names no interface: give "
                        "net_af_packet0,iface=eth1.",
                        text);
    }
    fill_in_af_packet(device.arguments, mtu_bytes);
  }
  return device;
}

}  // namespace causeway
