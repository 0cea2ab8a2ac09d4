// The two ends of a probe of the rdma path: rdma/probe/rdma_probe.h in a mover,
// with a look at the processors meanwhile.
#pragma once

#include "tools/mover/command_reader.h"
#include "tools/mover/mover_spec.h"

namespace causeway {

// As run_probe_source() and run_probe_target().
int run_rdma_probe_source(const MoverSpec& spec, CommandReader& commands);
int run_rdma_probe_target(const MoverSpec& spec, CommandReader& commands);

}  // namespace causeway
