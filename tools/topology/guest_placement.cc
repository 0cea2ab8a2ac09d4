#include "tools/topology/guest_placement.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace causeway {
namespace {

constexpr uint64_t kPageBytes = 4096;

// As hypervisor-shim/lab/guest_memory.cc names it, and the kernel a memfd; a
// guest's name has nothing that numa_maps would escape.
bool is_ram_of(const std::string& word, const std::string& guest) {
  const std::string file = "file=/memfd:causeway-ram-" + guest;
  return word == file || word == file + "\\040(deleted)";
}

// One line of numa_maps (numa(7)):
//   7f00... default file=/memfd:... mapmax=2 N0=12 N1=3 kernelpagesize_kB=4
void add_line(const std::string& line, std::map<unsigned, uint64_t>& bytes) {
  uint64_t page_bytes = kPageBytes;
  std::map<unsigned, uint64_t> pages;
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) continue;
    const uint64_t value =
        std::strtoull(word.c_str() + equals + 1, nullptr, 10);
    if (word.starts_with("kernelpagesize_kB=")) page_bytes = value << 10;
    if (word[0] != 'N') continue;
    char* end = nullptr;
    const unsigned long node = std::strtoul(word.c_str() + 1, &end, 10);
    if (end == word.c_str() + equals)
      pages[static_cast<unsigned>(node)] = value;
  }
  for (const auto& [node, count] : pages) bytes[node] += count * page_bytes;
}

}  // namespace

std::optional<unsigned> GuestPlacement::node() const {
  const auto most = std::max_element(
      bytes_by_node.begin(), bytes_by_node.end(),
      [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == bytes_by_node.end() || most->second == 0) return std::nullopt;
  return most->first;
}

std::optional<std::map<unsigned, uint64_t>> ram_bytes_by_node(
    std::istream& numa_maps, const std::string& guest) {
  std::map<unsigned, uint64_t> bytes;
  bool found = false;
  for (std::string line; std::getline(numa_maps, line);) {
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      if (!is_ram_of(word, guest)) continue;
      found = true;
      add_line(line, bytes);
      break;
    }
  }
  if (!found) return std::nullopt;
  return bytes;
}

Result<GuestPlacement> read_guest_placement(const std::string& name,
                                            pid_t pid) {
  const std::string path = fmt::format("/proc/{}/numa_maps", pid);
  errno = 0;
  std::ifstream file(path);
  if (!file && errno == EACCES) {
    return make_error(ErrorCode::kPermission,
                      "{} may not be read: ask as root where guest {}'s "
                      "memory lies",
                      path, name);
  }
  auto bytes = ram_bytes_by_node(file, name);
  if (!bytes) {
    return make_error(ErrorCode::kNotFound,
                      "process {} of this host has no memory of guest {}: ask "
                      "on the agent's host",
                      pid, name);
  }
  return GuestPlacement{name, pid, 0, std::move(*bytes)};
}

}  // namespace causeway
