// The target's mover: listens for one migration, lets it land and runs the
// guest when told.
#pragma once

#include "engine/runtime/topology.h"
#include "tools/mover/command_reader.h"
#include "tools/mover/mover_spec.h"

namespace causeway {

// The process's exit code: 0 after done, 1 after failed.
int run_target_mover(const MoverSpec& spec, Topology topology,
                     CommandReader& commands);

}  // namespace causeway
