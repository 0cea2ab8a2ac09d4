#include "engine/runtime/topology.h"

#include <hwloc.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "engine/base/assert.h"
#include "engine/runtime/sysfs_device.h"

namespace causeway {
namespace {

struct FreeBitmap {
  void operator()(hwloc_bitmap_t bitmap) const { hwloc_bitmap_free(bitmap); }
};
using BitmapHandle =
    std::unique_ptr<std::remove_pointer_t<hwloc_bitmap_t>, FreeBitmap>;

PuSet pus_of(hwloc_const_bitmap_t set) {
  PuSet pus;
  for (int pu = hwloc_bitmap_first(set); pu >= 0;
       pu = hwloc_bitmap_next(set, pu)) {
    pus.push_back(static_cast<unsigned>(pu));
  }
  return pus;
}

NumaNode describe_node(hwloc_topology_t topology, hwloc_obj_t object) {
  NumaNode node;
  node.os_index = object->os_index;
  node.memory_bytes = object->attr->numanode.local_memory;
  const int cores = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);
  for (int i = 0; i < cores; ++i) {
    const hwloc_obj_t core = hwloc_get_obj_by_type(topology, HWLOC_OBJ_CORE, i);
    if (hwloc_bitmap_isincluded(core->cpuset, object->cpuset)) {
      node.cores.push_back(pus_of(core->cpuset));
    }
  }
  // Virtual machines may not say which PUs make a core: each is one then.
  if (cores <= 0) {
    for (const unsigned pu : pus_of(object->cpuset)) node.cores.push_back({pu});
  }
  return node;
}

}  // namespace

PuSet NumaNode::all_pus() const {
  PuSet all;
  for (const PuSet& core : cores) {
    all.insert(all.end(), core.begin(), core.end());
  }
  std::sort(all.begin(), all.end());
  return all;
}

void Topology::Destroy::operator()(hwloc_topology* topology) const {
  hwloc_topology_destroy(topology);
}

Result<Topology> Topology::of_this_host() {
  hwloc_topology_t topology = nullptr;
  CAUSEWAY_ASSERT(hwloc_topology_init(&topology) == 0);
  return load(Handle(topology));
}

Result<Topology> Topology::synthetic(const std::string& description) {
  hwloc_topology_t topology = nullptr;
  CAUSEWAY_ASSERT(hwloc_topology_init(&topology) == 0);
  Handle handle(topology);
  if (hwloc_topology_set_synthetic(topology, description.c_str()) != 0) {
    return make_error(ErrorCode::kInvalidArgument,
                      "'{}' is no synthetic topology of hwloc.", description);
  }
  return load(std::move(handle));
}

Result<Topology> Topology::load(Handle handle) {
  if (hwloc_topology_load(handle.get()) != 0) {
    return errno_error(errno, "hwloc cannot read this host's topology");
  }
  std::vector<NumaNode> nodes;
  const int count = hwloc_get_nbobjs_by_type(handle.get(), HWLOC_OBJ_NUMANODE);
  nodes.reserve(count);
  for (int i = 0; i < count; ++i) {
    nodes.push_back(describe_node(
        handle.get(),
        hwloc_get_obj_by_type(handle.get(), HWLOC_OBJ_NUMANODE, i)));
  }
  // hwloc 2 makes up one node where the system tells of none.
  CAUSEWAY_ASSERT(!nodes.empty());
  std::sort(nodes.begin(), nodes.end(),
            [](const NumaNode& a, const NumaNode& b) {
              return a.os_index < b.os_index;
            });
  return Topology(std::move(handle), std::move(nodes));
}

const NumaNode* Topology::node(unsigned os_index) const {
  for (const NumaNode& node : nodes_) {
    if (node.os_index == os_index) return &node;
  }
  return nullptr;
}

std::optional<unsigned> Topology::node_of_pages(
    std::span<const std::byte* const> pages) const {
  std::map<int, size_t> votes;
  const BitmapHandle where(hwloc_bitmap_alloc());
  for (const std::byte* page : pages) {
    // Only pages in this process's page tables have a place to ask for.
    [[maybe_unused]] const std::byte touched =
        *const_cast<const volatile std::byte*>(page);
    hwloc_bitmap_zero(where.get());
    const int status = hwloc_get_area_memlocation(
        handle_.get(), page, 1, where.get(), HWLOC_MEMBIND_BYNODESET);
    if (status == 0 && hwloc_bitmap_weight(where.get()) == 1) {
      ++votes[hwloc_bitmap_first(where.get())];
    }
  }
  const auto most = std::max_element(
      votes.begin(), votes.end(),
      [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == votes.end()) return std::nullopt;
  return static_cast<unsigned>(most->first);
}

std::optional<unsigned> Topology::node_of_interface(const std::string& name) {
  // The name comes from a command line: no way out of /sys/class/net.
  if (name.empty() || name.find('/') != std::string::npos) return std::nullopt;
  return sysfs_node("/sys/class/net/" + name + "/device");
}

Status Topology::bind_this_thread(const PuSet& pus) const {
  CAUSEWAY_ASSERT(!pus.empty());
  const BitmapHandle set(hwloc_bitmap_alloc());
  for (const unsigned pu : pus) hwloc_bitmap_set(set.get(), pu);
  if (hwloc_set_cpubind(handle_.get(), set.get(),
                        HWLOC_CPUBIND_THREAD | HWLOC_CPUBIND_STRICT) != 0) {
    return errno_error(errno, fmt::format("A thread cannot be bound to the {} "
                                          "processors from {} on",
                                          pus.size(), pus.front()));
  }
  return {};
}

Status Topology::bind_memory(std::span<std::byte> range, unsigned node) const {
  const BitmapHandle set(hwloc_bitmap_alloc());
  hwloc_bitmap_only(set.get(), node);
  if (hwloc_set_area_membind(handle_.get(), range.data(), range.size(),
                             set.get(), HWLOC_MEMBIND_BIND,
                             HWLOC_MEMBIND_BYNODESET | HWLOC_MEMBIND_STRICT) !=
      0) {
    return errno_error(
        errno, fmt::format("{} bytes of memory cannot be bound to NUMA node {}",
                           range.size(), node));
  }
  return {};
}

WorkerPlan plan_workers(const Topology& topology, uint32_t workers,
                        std::optional<unsigned> node) {
  const NumaNode* chosen = node ? topology.node(*node) : nullptr;
  // A node may have memory and no cores (CXL, HBM): its workers run anywhere
  // near, which only hwloc's distances know; the first node with cores will do.
  for (const NumaNode& other : topology.nodes()) {
    if (chosen != nullptr && !chosen->cores.empty()) break;
    chosen = &other;
  }
  CAUSEWAY_ASSERT(chosen != nullptr && !chosen->cores.empty());
  WorkerPlan plan;
  plan.node = chosen->os_index;
  const bool own_core = chosen->cores.size() >= 2 * size_t{workers};
  for (uint32_t i = 0; i < workers; ++i) {
    plan.pus.push_back(own_core ? chosen->cores[i] : chosen->all_pus());
  }
  return plan;
}

}  // namespace causeway
