// causeway-mover: one end of one migration, started by an agent. Not for
// hands: what it reads and writes is in tools/README.md.
#include <fmt/core.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>

#include "engine/runtime/clock.h"
#include "engine/runtime/topology.h"
#include "tools/mover/command_reader.h"
#include "tools/mover/mover_events.h"
#include "tools/mover/probe_mover.h"
#include "tools/mover/proof_mover.h"
#include "tools/mover/source_mover.h"
#include "tools/mover/target_mover.h"

int main(int argc, char**) {
  using namespace causeway;  // NOLINT: main is the whole file
  if (argc > 1) {
    fmt::print(
        "causeway-mover is started by `causeway agent`; it takes no options,\n"
        "but one JSON object on its standard input (tools/README.md).\n");
    return 2;
  }
  // A peer or an agent that goes away is noticed where it is read or written.
  ::signal(SIGPIPE, SIG_IGN);
  // stdout belongs to the events.
  spdlog::set_default_logger(spdlog::stderr_logger_mt("mover"));
  CommandReader commands;
  // Looked at while the agents still talk: it takes hwloc milliseconds.
  auto topology = Topology::of_this_host();
  const std::string line = commands.read_spec();
  const Instant began = monotonic_now();
  if (line.empty()) return 1;  // the agent changed its mind
  auto spec = parse_mover_spec(line);
  if (!spec || !topology) {
    write_event(failed_event(spec ? topology.error() : spec.error(),
                             GuestPlace::kSource));
    return 1;
  }
  switch (spec->role) {
    case MoverRole::kSource:
      return run_source_mover(*spec, began, std::move(*topology), commands);
    case MoverRole::kTarget:
      return run_target_mover(*spec, std::move(*topology), commands);
    case MoverRole::kProof:
      return run_proof_mover(*spec);
    case MoverRole::kProbeSource:
      return run_probe_source(*spec, commands);
    case MoverRole::kProbeTarget:
      return run_probe_target(*spec, commands);
  }
  return 1;
}
