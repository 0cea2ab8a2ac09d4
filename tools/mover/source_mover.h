// The source's mover: puts the engine together for one migration and drives
// it to its end, telling the agent on the way.
#pragma once

#include "engine/runtime/topology.h"
#include "tools/mover/command_reader.h"
#include "tools/mover/mover_spec.h"

namespace causeway {

// The process's exit code: 0 after done, 1 after failed.
int run_source_mover(const MoverSpec& spec, Instant began, Topology topology,
                     CommandReader& commands);

}  // namespace causeway
