#include "tools/topology/node_memory.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

#include "engine/runtime/sysfs_device.h"

namespace causeway {
namespace {

namespace fs = std::filesystem;

// "Node 0 MemFree:   19133096 kB"
uint64_t free_bytes_of(const fs::path& meminfo) {
  const std::string key = "MemFree:";
  std::ifstream file(meminfo);
  for (std::string line; std::getline(file, line);) {
    const size_t at = line.find(key);
    if (at == std::string::npos) continue;
    return std::strtoull(line.c_str() + at + key.size(), nullptr, 10) << 10;
  }
  return 0;
}

// hugepages-2048kB/{nr_hugepages,free_hugepages}
std::vector<HugePages> huge_pages_of(const fs::path& folder) {
  const std::string prefix = "hugepages-";
  std::vector<HugePages> sizes;
  for (const fs::path& size : sysfs_entries(folder)) {
    const std::string name = size.filename();
    if (!name.starts_with(prefix)) continue;
    HugePages pages;
    pages.page_bytes = std::strtoull(name.c_str() + prefix.size(), nullptr, 10)
                       << 10;
    pages.pages = sysfs_number(size / "nr_hugepages").value_or(0);
    pages.free = sysfs_number(size / "free_hugepages").value_or(0);
    sizes.push_back(pages);
  }
  std::sort(sizes.begin(), sizes.end(),
            [](const HugePages& a, const HugePages& b) {
              return a.page_bytes < b.page_bytes;
            });
  return sizes;
}

}  // namespace

std::map<unsigned, NodeMemory> read_node_memory(const fs::path& sysfs) {
  std::map<unsigned, NodeMemory> nodes;
  const std::string prefix = "node";
  for (const fs::path& folder :
       sysfs_entries(sysfs / "devices" / "system" / "node")) {
    const std::string name = folder.filename();
    if (!name.starts_with(prefix) || name.size() == prefix.size()) continue;
    if (name.find_first_not_of("0123456789", prefix.size()) !=
        std::string::npos) {
      continue;
    }
    const auto number = static_cast<unsigned>(
        std::strtoul(name.c_str() + prefix.size(), nullptr, 10));
    nodes[number] = {free_bytes_of(folder / "meminfo"),
                     huge_pages_of(folder / "hugepages")};
  }
  if (nodes.empty()) {
    nodes[0].huge_pages = huge_pages_of(sysfs / "kernel" / "mm" / "hugepages");
  }
  return nodes;
}

}  // namespace causeway
