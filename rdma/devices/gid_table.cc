#include "rdma/devices/gid_table.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "engine/runtime/sysfs_device.h"

namespace causeway {
namespace {

bool is_unused(const std::string& gid) {
  return gid.find_first_not_of("0:") == std::string::npos;
}

}  // namespace

std::string gid_address(std::string_view gid) {
  in6_addr bytes{};
  if (::inet_pton(AF_INET6, std::string(gid).c_str(), &bytes) != 1) return {};
  char text[INET6_ADDRSTRLEN] = {};
  if (IN6_IS_ADDR_V4MAPPED(&bytes)) {
    constexpr size_t kMappedAt = 12;  // RFC 4291, 2.5.5.2
    ::inet_ntop(AF_INET, bytes.s6_addr + kMappedAt, text, sizeof text);
  } else {
    ::inet_ntop(AF_INET6, &bytes, text, sizeof text);
  }
  return text;
}

std::vector<Gid> read_gid_table(const std::filesystem::path& port) {
  std::vector<Gid> table;
  for (const auto& file : sysfs_entries(port / "gids")) {
    const std::string name = file.filename();
    Gid entry;
    const auto [rest, error] =
        std::from_chars(name.data(), name.data() + name.size(), entry.index);
    if (error != std::errc() || rest != name.data() + name.size()) continue;
    entry.gid = sysfs_line(file);
    if (is_unused(entry.gid)) continue;
    entry.type = sysfs_line(port / "gid_attrs" / "types" / name);
    entry.interface = sysfs_line(port / "gid_attrs" / "ndevs" / name);
    if (!entry.interface.empty()) entry.address = gid_address(entry.gid);
    table.push_back(std::move(entry));
  }
  std::sort(table.begin(), table.end(),
            [](const Gid& a, const Gid& b) { return a.index < b.index; });
  return table;
}

}  // namespace causeway
