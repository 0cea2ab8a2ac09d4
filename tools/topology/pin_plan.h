// PinPlan: where a mover of a guest would run, and where its memory would be:
// what tools/mover/mover_workers.cc does, told beforehand.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/runtime/topology.h"
#include "rdma/devices/verbs_device.h"

namespace causeway {

// The queue pairs and completion queues of one device: threads that are bound
// to the workers' node make them, so they lie there.
struct QueuePlan {
  std::string device;
  unsigned node = 0;
  std::optional<unsigned> device_node;

  // Every completion crosses between the nodes.
  bool is_remote() const { return device_node && *device_node != node; }
};

struct PinPlan {
  // Where the guest's memory is; nothing: it has none yet, as one that comes.
  std::optional<unsigned> guest_node;
  WorkerPlan workers;
  bool own_cores = false;  // each worker has a core to itself
  PuSet session_pus;       // the session's thread, and those of the path
  // Of each worker, on its node.
  uint64_t source_scratch_bytes = 0;
  uint64_t target_scratch_bytes = 0;
  std::vector<QueuePlan> queues;
};

PinPlan plan_pins(const Topology& topology, uint32_t workers,
                  std::optional<unsigned> guest_node,
                  std::span<const VerbsDevice> devices);

}  // namespace causeway
