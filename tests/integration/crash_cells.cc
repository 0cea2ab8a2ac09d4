#include "tests/integration/crash_cells.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace causeway::integration {
namespace {

struct StageTraits {
  const char* name;
  const char* stop_at;
};
constexpr std::array<StageTraits, 9> kStages = {{
    {"reserve", "source.hello"},
    {"round1", "source.round@1"},
    {"round2", "source.round@2"},
    {"stop", "source.paused"},
    {"prepare", "target.prepared"},
    {"commit", "source.committed"},
    {"run", "target.running"},
    {"proof", "source.activated"},
    {"discard", "agent.discard"},
}};
static_assert(static_cast<size_t>(Stage::kDiscard) + 1 == kStages.size());

struct HarmTraits {
  const char* name;
  std::chrono::seconds cut;
};
constexpr std::array<HarmTraits, 8> kHarms = {{
    {"kill", std::chrono::seconds(0)},
    {"stop", std::chrono::seconds(0)},
    {"1s", std::chrono::seconds(1)},
    {"5s", std::chrono::seconds(5)},
    {"10s", std::chrono::seconds(10)},
    {"30s", std::chrono::seconds(30)},
    {"60s", std::chrono::seconds(60)},
    {"for_ever", std::chrono::seconds(0)},
}};
static_assert(static_cast<size_t>(Harm::kCutForEver) + 1 == kHarms.size());

constexpr unsigned bit(Harm harm) { return 1u << static_cast<unsigned>(harm); }
constexpr unsigned kToProcesses = bit(Harm::kKill) | bit(Harm::kStop);
constexpr unsigned kToLinks = bit(Harm::kCut1s) | bit(Harm::kCutForEver);
constexpr unsigned kToLines =
    bit(Harm::kCut1s) | bit(Harm::kCut10s) | bit(Harm::kCut60s);
constexpr unsigned kToLanes = bit(Harm::kCutForEver);
// Longer than a lane waits, shorter than the path.
constexpr unsigned kToBothLanes = bit(Harm::kCut10s);
// What a queue pair bridges, what makes it give up, and what outlasts it all.
constexpr unsigned kToFabric =
    bit(Harm::kCut1s) | bit(Harm::kCut10s) | bit(Harm::kCut30s);
constexpr unsigned kToPorts =
    bit(Harm::kCut1s) | bit(Harm::kCut5s) | bit(Harm::kCut30s);
// Unplugged.
constexpr unsigned kToDevices = bit(Harm::kCutForEver);

struct VictimTraits {
  const char* name;
  Wire wire;
  unsigned harms;
};
constexpr std::array<VictimTraits, 16> kVictims = {{
    {"source_mover", Wire::kLoopback, kToProcesses},
    {"target_mover", Wire::kLoopback, kToProcesses},
    {"source_agent", Wire::kLoopback, kToProcesses},
    {"target_agent", Wire::kLoopback, kToProcesses},
    {"both_agents", Wire::kLoopback, kToProcesses},
    {"source_vmm", Wire::kLoopback, kToProcesses},
    {"target_vmm", Wire::kLoopback, kToProcesses},
    {"link", Wire::kCable, kToLinks},
    {"line", Wire::kLine, kToLines},
    {"agents_lane", Wire::kTwoLines, kToLanes},
    {"other_lane", Wire::kTwoLines, kToLanes},
    {"both_lanes", Wire::kTwoLines, kToBothLanes},
    {"fabric", Wire::kFabric, kToFabric},
    {"port", Wire::kFabric, kToPorts},
    {"source_device", Wire::kFabric, kToDevices},
    {"target_device", Wire::kFabric, kToDevices},
}};
static_assert(static_cast<size_t>(Victim::kTargetDevice) + 1 ==
              kVictims.size());

const StageTraits& traits(Stage stage) {
  return kStages[static_cast<size_t>(stage)];
}
const VictimTraits& traits(Victim victim) {
  return kVictims[static_cast<size_t>(victim)];
}
const HarmTraits& traits(Harm harm) {
  return kHarms[static_cast<size_t>(harm)];
}

// A mover that has done its work has gone; nothing is left to kill.
bool exists(const Cell& cell) {
  const bool mover_over =
      cell.victim == Victim::kTargetMover && cell.stage >= Stage::kProof;
  const bool source_over =
      cell.victim == Victim::kSourceMover && cell.stage == Stage::kDiscard;
  const Wire wire = wire_of(cell.victim);
  const bool rdma = path_of(Victim::kFabric) == "rdma";
  const bool wired = rdma ? wire == Wire::kLoopback || wire == Wire::kFabric
                          : wire != Wire::kFabric;
  return wired && !mover_over && !source_over &&
         (traits(cell.victim).harms & bit(cell.harm)) != 0;
}

std::vector<Cell> all_cells() {
  std::vector<Cell> cells;
  for (size_t stage = 0; stage < kStages.size(); ++stage) {
    for (size_t victim = 0; victim < kVictims.size(); ++victim) {
      for (size_t harm = 0; harm < kHarms.size(); ++harm) {
        const Cell cell{static_cast<Stage>(stage), static_cast<Victim>(victim),
                        static_cast<Harm>(harm)};
        if (exists(cell)) cells.push_back(cell);
      }
    }
  }
  return cells;
}

bool is_short_cut(const Cell& cell) {
  switch (cell.victim) {
    case Victim::kFabric:
    case Victim::kPort:
    case Victim::kSourceDevice:
    case Victim::kTargetDevice:
      return cell.harm != Harm::kCut30s &&
             (cell.stage == Stage::kRound1 || cell.stage == Stage::kStop);
    case Victim::kLink:
      // A cut link is found out after kTcpSilenceMax: the two cuts that nobody
      // but a healed link decides.
      return cell.harm == Harm::kCut1s || cell.stage == Stage::kCommit ||
             cell.stage == Stage::kRun;
    case Victim::kLine:
      // Where it is blackout, and where the target has said its last word.
      return cell.harm == Harm::kCut10s
                 ? cell.stage == Stage::kRun
                 : cell.harm == Harm::kCut1s && (cell.stage == Stage::kStop ||
                                                 cell.stage == Stage::kCommit);
    case Victim::kBothLanes:
      return cell.stage == Stage::kRun;
    default:
      return cell.victim == Victim::kOtherLane && cell.stage == Stage::kStop;
  }
}

// Each stage and each victim with a stop at least once; every kill.
bool is_short(const Cell& cell) {
  if (wire_of(cell.victim) != Wire::kLoopback) return is_short_cut(cell);
  if (cell.harm == Harm::kKill) return true;
  constexpr size_t kProcesses = static_cast<size_t>(Victim::kLink);
  return static_cast<size_t>(cell.victim) ==
         static_cast<size_t>(cell.stage) % kProcesses;
}

}  // namespace

std::string cell_name(const Cell& cell) {
  return std::string(traits(cell.stage).name) + "_" + traits(cell.victim).name +
         "_" + traits(cell.harm).name;
}

const char* stop_point_of(Stage stage) { return traits(stage).stop_at; }

Wire wire_of(Victim victim) { return traits(victim).wire; }

std::chrono::seconds cut_time(Harm harm) { return traits(harm).cut; }

std::string path_of(Victim victim) {
  const Wire wire = wire_of(victim);
  if (wire == Wire::kLine || wire == Wire::kTwoLines) return "wan";
  const char* path = std::getenv("CAUSEWAY_CRASH_PATH");
  return path == nullptr ? "tcp" : path;
}

// kTcpSilenceMax and kQuicSilenceMax are 20 s.
bool loses_the_path(const Cell& cell) {
  switch (wire_of(cell.victim)) {
    case Wire::kCable:
    case Wire::kLine:
      return cell.harm == Harm::kCut60s || cell.harm == Harm::kCutForEver;
    default:
      return false;
  }
}

// What was stopped or cut for a while delays, no more; what was cut for ever is
// mended in the end.
Outcome expected(const Cell& cell) {
  const bool committed = cell.stage >= Stage::kCommit;
  const bool kill = cell.harm == Harm::kKill;
  if (!kill && !loses_the_path(cell)) return Outcome::kAtTarget;
  switch (cell.victim) {
    case Victim::kSourceVmm:
      return committed ? Outcome::kAtTarget : Outcome::kDead;
    case Victim::kTargetVmm:
      // Up to RUNNING its agent knows that it never ran and refuses.
      if (cell.stage <= Stage::kCommit) return Outcome::kAtSource;
      return cell.stage == Stage::kRun ? Outcome::kFrozen : Outcome::kDead;
    default:
      return committed ? Outcome::kAtTarget : Outcome::kAtSource;
  }
}

WhileLost while_lost(Stage stage) {
  switch (stage) {
    case Stage::kPrepare:  // Prepared was lost; may the target run it?
      return {"running", 0, "incoming", 1, "guest g runs on at A"};
    case Stage::kCommit:  // Commit was lost; neither may
      return {"frozen", 1, "incoming", 1, "guest g is frozen at A"};
    case Stage::kRun:  // Running was lost; does the target?
      return {"frozen", 1, "running", 0, "guest g is frozen at A"};
    case Stage::kProof:
    case Stage::kDiscard:
      return {"-", 0, "running", 0, "guest g has moved"};
    default:
      return {"running", 0, "-", 0, "guest g runs on at A"};
  }
}

std::vector<Cell> chosen_cells() {
  std::vector<Cell> cells = all_cells();
  const char* count = std::getenv("CAUSEWAY_CRASH_CELLS");
  if (count != nullptr && std::string(count) == "all") return cells;
  std::erase_if(cells, [](const Cell& cell) { return !is_short(cell); });
  if (count == nullptr) return cells;
  const char* given = std::getenv("CAUSEWAY_CRASH_SEED");
  const unsigned seed = given != nullptr
                            ? static_cast<unsigned>(std::stoul(given))
                            : std::random_device{}();
  printf("CAUSEWAY_CRASH_SEED=%u\n", seed);
  std::shuffle(cells.begin(), cells.end(), std::mt19937(seed));
  cells.resize(std::min(cells.size(), std::stoul(count)));
  return cells;
}

}  // namespace causeway::integration
