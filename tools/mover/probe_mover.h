// The two ends of a probe: what a path gives, measured by sending over it as a
// migration would: streams of random bytes to a target that throws them away.
//
//   source   connects, sends for spec.probe_time or spec.probe_bytes, whichever
//            ends first; `done` has the result
//   target   listens, takes, ends with the source
//
// Bounded in time at both ends, whatever the other does.
#pragma once

#include "tools/mover/command_reader.h"
#include "tools/mover/mover_spec.h"

namespace causeway {

int run_probe_source(const MoverSpec& spec, CommandReader& commands);
int run_probe_target(const MoverSpec& spec, CommandReader& commands);

}  // namespace causeway
