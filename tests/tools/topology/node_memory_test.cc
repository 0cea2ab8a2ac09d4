#include "tools/topology/node_memory.h"

#include <gtest/gtest.h>

#include "tests/engine/runtime/sysfs_tree.h"

namespace causeway {
namespace {

constexpr const char* kNodes = "devices/system/node/";

TEST(NodeMemory, IsThatOfEachNode) {
  const SysfsTree tree;
  const std::string folder = kNodes;
  tree.file(folder + "node0/meminfo",
            "Node 0 MemTotal:  20277452 kB\nNode 0 MemFree:   19133096 kB");
  tree.file(folder + "node10/meminfo", "Node 10 MemFree:  4 kB");
  const std::string huge = folder + "node10/hugepages/hugepages-";
  tree.file(huge + "1048576kB/nr_hugepages", "2");
  tree.file(huge + "1048576kB/free_hugepages", "1");
  tree.file(huge + "2048kB/nr_hugepages", "512");
  tree.file(huge + "2048kB/free_hugepages", "500");
  tree.file(folder + "has_cpu", "0");
  tree.file(folder + "nodes", "x");
  const auto nodes = read_node_memory(tree.root());
  ASSERT_EQ(nodes.size(), 2u);
  EXPECT_EQ(nodes.at(0).free_bytes, 19133096ull << 10);
  EXPECT_TRUE(nodes.at(0).huge_pages.empty());
  EXPECT_EQ(nodes.at(10).free_bytes, 4096u);
  ASSERT_EQ(nodes.at(10).huge_pages.size(), 2u);
  EXPECT_EQ(nodes.at(10).huge_pages[0].page_bytes, 2u << 20);
  EXPECT_EQ(nodes.at(10).huge_pages[0].pages, 512u);
  EXPECT_EQ(nodes.at(10).huge_pages[0].free, 500u);
  EXPECT_EQ(nodes.at(10).huge_pages[1].page_bytes, 1u << 30);
}

TEST(NodeMemory, AKernelWithoutNumaHasOneNodesHugePages) {
  const SysfsTree tree;
  tree.file("kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "8");
  const auto nodes = read_node_memory(tree.root());
  ASSERT_EQ(nodes.size(), 1u);
  EXPECT_EQ(nodes.at(0).free_bytes, 0u);
  ASSERT_EQ(nodes.at(0).huge_pages.size(), 1u);
  EXPECT_EQ(nodes.at(0).huge_pages[0].pages, 8u);
}

}  // namespace
}  // namespace causeway
