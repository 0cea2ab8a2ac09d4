#include "engine/runtime/sysfs_device.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fstream>

namespace causeway {
namespace {

namespace fs = std::filesystem;

// A PCI function's name (sysfs-bus-pci): domain:bus:device.function; a domain
// may have more than four digits.
bool is_pci_address(const std::string& name) {
  constexpr size_t kTailBytes = 8;  // ":bb:dd.f"
  if (name.size() < 4 + kTailBytes) return false;
  const size_t tail = name.size() - kTailBytes;
  for (size_t i = 0; i < name.size(); ++i) {
    const char wanted = i == tail || i == tail + 3 ? ':'
                        : i == tail + 6            ? '.'
                                                   : 'x';
    const bool digit = std::isxdigit(static_cast<unsigned char>(name[i])) != 0;
    if (wanted == 'x' ? !digit : name[i] != wanted) return false;
  }
  return true;
}

// The device's own folder; empty: there is none.
fs::path resolved(const fs::path& device) {
  std::error_code error;
  fs::path path = fs::canonical(device, error);
  return error ? fs::path() : path;
}

// Of all devices: what lies above is no device any more.
bool is_top(const fs::path& path) {
  return path.empty() || path == path.root_path() ||
         path.filename() == "devices";
}

}  // namespace

std::string sysfs_line(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  const size_t first = line.find_first_not_of(" \t");
  if (first == std::string::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") + 1 - first);
}

std::optional<uint64_t> sysfs_number(const fs::path& file) {
  const std::string line = sysfs_line(file);
  const bool hex = line.starts_with("0x");
  const char* const begin = line.data() + (hex ? 2 : 0);
  const char* const end = line.data() + line.size();
  uint64_t value = 0;
  const auto [rest, error] = std::from_chars(begin, end, value, hex ? 16 : 10);
  if (error != std::errc() || rest != end) return std::nullopt;
  return value;
}

std::string sysfs_link_name(const fs::path& link) {
  std::error_code error;
  const fs::path target = fs::read_symlink(link, error);
  return error ? std::string() : target.filename().string();
}

std::optional<unsigned> sysfs_node(const fs::path& device) {
  for (fs::path path = resolved(device); !is_top(path);
       path = path.parent_path()) {
    // -1, where nobody knows, is no number.
    if (const auto node = sysfs_number(path / "numa_node")) {
      return static_cast<unsigned>(*node);
    }
  }
  return std::nullopt;
}

std::string sysfs_pci_address(const fs::path& device) {
  for (fs::path path = resolved(device); !is_top(path);
       path = path.parent_path()) {
    if (is_pci_address(path.filename())) return path.filename();
  }
  return {};
}

std::vector<fs::path> sysfs_entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    entries.push_back(entry.path());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

}  // namespace causeway
