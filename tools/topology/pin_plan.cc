#include "tools/topology/pin_plan.h"

#include "engine/base/assert.h"
#include "engine/migration/placement.h"
#include "engine/migration/sender.h"

namespace causeway {

PinPlan plan_pins(const Topology& topology, uint32_t workers,
                  std::optional<unsigned> guest_node,
                  std::span<const VerbsDevice> devices) {
  CAUSEWAY_ASSERT(workers > 0);
  PinPlan plan;
  plan.guest_node = guest_node;
  plan.workers = plan_workers(topology, workers, guest_node);
  const NumaNode* const home = topology.node(plan.workers.node);
  CAUSEWAY_ASSERT(home != nullptr);
  plan.session_pus = home->all_pus();
  plan.own_cores = plan.workers.pus.front() != plan.session_pus;
  plan.source_scratch_bytes = Sender::kScratchBytes;
  plan.target_scratch_bytes = Placement::kScratchBytes;
  for (const VerbsDevice& device : devices) {
    plan.queues.push_back({device.name, plan.workers.node, device.node});
  }
  return plan;
}

}  // namespace causeway
