// MoverWorkers: where the workers of one end run, their buffers on that node
// and their threads.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/migration/image.h"
#include "engine/runtime/node_buffer.h"
#include "engine/runtime/topology.h"
#include "engine/runtime/worker_thread.h"

namespace causeway {

class MoverWorkers {
 public:
  // Plans `workers` workers on the node of the guest's memory (the first node
  // when it has none yet) and binds the calling thread, the session's, to
  // that node; `scratch_bytes` of each are allocated there.
  static Result<std::unique_ptr<MoverWorkers>> plan(Topology topology,
                                                    GuestImage& image,
                                                    uint32_t workers,
                                                    size_t scratch_bytes);

  std::span<std::byte> scratch(uint32_t worker) {
    return buffers_[worker].bytes();
  }

  // Drives `stepper`, which outlives this object's join(), on a thread.
  Status start(uint32_t worker, Stepper& stepper);
  void join();

 private:
  MoverWorkers(Topology topology, WorkerPlan plan)
      : topology_(std::move(topology)), plan_(std::move(plan)) {}

  Topology topology_;
  WorkerPlan plan_;
  std::vector<NodeBuffer> buffers_;
  std::vector<std::unique_ptr<WorkerThread>> threads_;
};

}  // namespace causeway
