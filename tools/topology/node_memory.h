// NodeMemory: the free memory and the huge pages of the NUMA nodes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <vector>

namespace causeway {

struct HugePages {
  uint64_t page_bytes = 0;
  uint64_t pages = 0;
  uint64_t free = 0;
};

struct NodeMemory {
  uint64_t free_bytes = 0;
  std::vector<HugePages> huge_pages;  // smallest first
};

// By the node's number. A kernel without NUMA tells of no node: node 0 then has
// the host's huge pages, and its free memory is 0, not known. `sysfs`: "/sys",
// or a tree like it.
std::map<unsigned, NodeMemory> read_node_memory(
    const std::filesystem::path& sysfs);

}  // namespace causeway
