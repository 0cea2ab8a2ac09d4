// The cells of the crash matrix: what is done to whom at which stage of a
// migration, and what must become of the guest. The tables are here and in
// crash_cells.cc; crash_test.cc does it.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace causeway::integration {

enum class Stage {
  kReserve,
  kRound1,
  kRound2,
  kStop,
  kPrepare,
  kCommit,
  kRun,
  kProof,
  kDiscard,
};

enum class Victim {
  kSourceMover,
  kTargetMover,
  kSourceAgent,
  kTargetAgent,
  kBothAgents,
  kSourceVmm,
  kTargetVmm,
  kLink,        // a cable: its end is down, which the kernel knows
  kLine,        // a long line that loses all, which nobody is told
  kAgentsLane,  // of two such lines, the one that the agents use too
  kOtherLane,
  kBothLanes,
  // Of verbs devices; TCP goes on.
  kFabric,  // loses all, which nobody is told
  kPort,    // is down, which the kernel knows, and the other has no carrier
  kSourceDevice,
  kTargetDevice,
};

enum class Harm {
  kKill,
  kStop,  // and go on after kStopTime
  kCut1s,
  kCut5s,
  kCut10s,
  kCut30s,
  kCut60s,
  kCutForEver,  // until both ends have found out
};

enum class Outcome {
  kAtSource,
  kAtTarget,
  kDead,    // its VMM was killed where it ran
  kFrozen,  // at the source, until an operator decides
};

struct Cell {
  Stage stage;
  Victim victim;
  Harm harm;
};

// "stop_line_10s"
std::string cell_name(const Cell& cell);

// The stop point (engine/base/stop_point.h) of the stage.
const char* stop_point_of(Stage stage);

// What is between the hosts.
enum class Wire { kLoopback, kCable, kLine, kTwoLines, kFabric };
Wire wire_of(Victim victim);

// Of what is not a process; zero: for ever.
std::chrono::seconds cut_time(Harm harm);

// "tcp", "wan", "rdma": CAUSEWAY_CRASH_PATH; of lines always "wan". On rdma,
// which the RDMA lab has, there are the cells of processes and of the devices.
std::string path_of(Victim victim);

// The tables. After all of it has ended, and what was cut is mended: a lane
// that is cut for ever is not, the other does its work.
Outcome expected(const Cell& cell);

// Whether the cut is longer than any path between the hosts waits. Else the
// migration goes on after it.
bool loses_the_path(const Cell& cell);

// What each end shows while a path is lost, once it has found out: the guest's
// state there ("-": nothing of it) and how many migrations are undecided; and
// what whoever asked for the migration is told.
struct WhileLost {
  const char* guest_at_source;
  size_t undecided_at_source;
  const char* guest_at_target;
  size_t undecided_at_target;
  const char* told;
};
WhileLost while_lost(Stage stage);

// All, those that are short or some of them by chance: CAUSEWAY_CRASH_CELLS.
std::vector<Cell> chosen_cells();

}  // namespace causeway::integration
