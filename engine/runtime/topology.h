// Topology: the NUMA nodes and cores of a host, and binding to them. The only
// file that knows hwloc.
//
// A node is named by its OS index (what numa_maps and /sys call it), a
// processing unit (PU, a hardware thread) likewise. Immutable once made: any
// thread may ask.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/result.h"

struct hwloc_topology;

namespace causeway {

using PuSet = std::vector<unsigned>;  // OS indices, ascending

struct NumaNode {
  unsigned os_index = 0;
  uint64_t memory_bytes = 0;
  std::vector<PuSet> cores;  // the PUs of each core next to the node

  PuSet all_pus() const;
};

class Topology {
 public:
  // What this process may use (cgroups and cpusets respected). HWLOC_SYNTHETIC
  // in the environment gives another one, on which binding does nothing.
  static Result<Topology> of_this_host();
  // hwloc's notation, "pack:2 [numa(memory=8589934592)] core:4 pu:1"; binding
  // does nothing.
  static Result<Topology> synthetic(const std::string& description);

  // At least one, ascending by os_index.
  std::span<const NumaNode> nodes() const { return nodes_; }
  const NumaNode* node(unsigned os_index) const;  // null: there is none

  // The node on which most of these pages lie. Reads a byte of each: give
  // pages that hold data (a hole of a memfd would be read into the page
  // tables). Nothing when the kernel does not say.
  std::optional<unsigned> node_of_pages(
      std::span<const std::byte* const> pages) const;

  // The node a network interface is attached to; nothing for one that is not
  // on a bus (veth, lo), on one-node hosts and for unknown names.
  static std::optional<unsigned> node_of_interface(const std::string& name);

  // Strict: an Error when the kernel cannot.
  Status bind_this_thread(const PuSet& pus) const;
  // Pages of the range that are not there yet will come from this node and no
  // other; none may be there.
  Status bind_memory(std::span<std::byte> range, unsigned node) const;

 private:
  struct Destroy {
    void operator()(hwloc_topology* topology) const;
  };
  using Handle = std::unique_ptr<hwloc_topology, Destroy>;

  Topology(Handle handle, std::vector<NumaNode> nodes)
      : handle_(std::move(handle)), nodes_(std::move(nodes)) {}
  static Result<Topology> load(Handle handle);

  Handle handle_;
  std::vector<NumaNode> nodes_;
};

// Where the workers of one end run.
struct WorkerPlan {
  unsigned node = 0;
  std::vector<PuSet> pus;  // one set a worker
};

// Workers stay on `node` (the guest's memory; where that is not known, the
// NIC's; else the first). Each has a core of its own as long as the node has
// twice as many cores as workers, so that guests keep half; else all may use
// all of the node's cores and the scheduler keeps them off busy ones.
WorkerPlan plan_workers(const Topology& topology, uint32_t workers,
                        std::optional<unsigned> node);

}  // namespace causeway
