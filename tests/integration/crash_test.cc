// The crash matrix: each process of a migration is killed, or stopped for a
// while, and the link between the hosts is cut, for a second or until both
// have found out, exactly at each stage. What must become of the guest is
// written down for each cell (expected(), while_cut()); besides, always: it
// runs in one place and passes its check there, and the other host has nothing
// of it.
//
// CAUSEWAY_CRASH_CELLS=N takes N cells by chance instead of all, and
// CAUSEWAY_CRASH_SEED=S which ones; CAUSEWAY_CRASH_PATH=wan moves over QUIC.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "tests/integration/test_agent.h"

namespace causeway::integration {
namespace {

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
  kLink,
};
// Of the link: cut until both ends have found out; cut for a second.
enum class Harm { kKill, kStop };
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

constexpr std::array kStages = {
    Stage::kReserve, Stage::kRound1,  Stage::kRound2,
    Stage::kStop,    Stage::kPrepare, Stage::kCommit,
    Stage::kRun,     Stage::kProof,   Stage::kDiscard};
constexpr std::array kVictims = {Victim::kSourceMover, Victim::kTargetMover,
                                 Victim::kSourceAgent, Victim::kTargetAgent,
                                 Victim::kBothAgents,  Victim::kSourceVmm,
                                 Victim::kTargetVmm,   Victim::kLink};

struct StageTraits {
  const char* name;
  const char* stop_at;
};
StageTraits traits(Stage stage) {
  switch (stage) {
    case Stage::kReserve:
      return {"reserve", "source.hello"};
    case Stage::kRound1:
      return {"round1", "source.round@1"};
    case Stage::kRound2:
      return {"round2", "source.round@2"};
    case Stage::kStop:
      return {"stop", "source.paused"};
    case Stage::kPrepare:
      return {"prepare", "target.prepared"};
    case Stage::kCommit:
      return {"commit", "source.committed"};
    case Stage::kRun:
      return {"run", "target.running"};
    case Stage::kProof:
      return {"proof", "source.activated"};
    case Stage::kDiscard:
      return {"discard", "agent.discard"};
  }
  return {"", ""};
}

const char* victim_name(Victim victim) {
  switch (victim) {
    case Victim::kSourceMover:
      return "source_mover";
    case Victim::kTargetMover:
      return "target_mover";
    case Victim::kSourceAgent:
      return "source_agent";
    case Victim::kTargetAgent:
      return "target_agent";
    case Victim::kBothAgents:
      return "both_agents";
    case Victim::kSourceVmm:
      return "source_vmm";
    case Victim::kTargetVmm:
      return "target_vmm";
    case Victim::kLink:
      return "link";
  }
  return "";
}

std::string cell_name(const Cell& cell) {
  return std::string(traits(cell.stage).name) + "_" + victim_name(cell.victim) +
         (cell.victim == Victim::kLink
              ? (cell.harm == Harm::kKill ? "_for_ever" : "_1s")
              : (cell.harm == Harm::kKill ? "_kill" : "_stop"));
}

// The table. What was stopped or cut for a while delays, no more; what was cut
// for ever is mended in the end.
Outcome expected(const Cell& cell) {
  if (cell.harm == Harm::kStop) return Outcome::kAtTarget;
  const bool committed = cell.stage >= Stage::kCommit;
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

// What each end shows while the link is cut, once it has found out: the guest's
// state there ("-": nothing of it) and how many migrations are undecided.
struct WhileCut {
  const char* guest_at_source;
  size_t undecided_at_source;
  const char* guest_at_target;
  size_t undecided_at_target;
};
WhileCut while_cut(Stage stage) {
  switch (stage) {
    case Stage::kPrepare:  // Prepared was lost; may the target run it?
      return {"running", 0, "incoming", 1};
    case Stage::kCommit:  // Commit was lost; neither may
      return {"frozen", 1, "incoming", 1};
    case Stage::kRun:  // Running was lost; does the target?
      return {"frozen", 1, "running", 0};
    case Stage::kProof:
    case Stage::kDiscard:
      return {"-", 0, "running", 0};
    default:
      return {"running", 0, "-", 0};
  }
}

// A mover that has done its work has gone; nothing is left to kill.
bool exists(const Cell& cell) {
  const bool mover_over =
      cell.victim == Victim::kTargetMover && cell.stage >= Stage::kProof;
  const bool source_over =
      cell.victim == Victim::kSourceMover && cell.stage == Stage::kDiscard;
  return !mover_over && !source_over;
}

std::vector<Cell> all_cells() {
  std::vector<Cell> cells;
  for (const Stage stage : kStages) {
    for (const Victim victim : kVictims) {
      for (const Harm harm : {Harm::kKill, Harm::kStop}) {
        const Cell cell{stage, victim, harm};
        if (exists(cell)) cells.push_back(cell);
      }
    }
  }
  return cells;
}

// Each stage and each victim with a stop at least once; every kill. A cut link
// is found out after kTcpSilenceMax: the two cuts that nobody but a healed link
// decides.
bool is_short(const Cell& cell) {
  if (cell.victim == Victim::kLink) {
    return cell.harm == Harm::kStop || cell.stage == Stage::kCommit ||
           cell.stage == Stage::kRun;
  }
  if (cell.harm == Harm::kKill) return true;
  const auto stage = static_cast<size_t>(cell.stage);
  return static_cast<size_t>(cell.victim) == stage % kVictims.size();
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

std::string chosen_path() {
  const char* path = std::getenv("CAUSEWAY_CRASH_PATH");
  return path == nullptr ? "tcp" : path;
}

class CrashTest : public testing::TestWithParam<Cell> {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_kvm(); !why.empty()) GTEST_SKIP() << why;
    if (GetParam().victim != Victim::kLink) return;
    auto network = NamespacePair::create();
    if (!network && geteuid() != 0) {
      GTEST_SKIP() << "network namespaces need root: "
                   << network.error().message;
    }
    ASSERT_TRUE(network) << network.error().message;
    network_.emplace(std::move(*network));
  }

  TestAgentOptions options_of(int host) {
    TestAgentOptions options;
    options.stop_at = traits(GetParam().stage).stop_at;
    if (network_) options.network = &*network_;
    options.host = host;
    return options;
  }

  // Until the process that has the stop point stands at it.
  bool reach_stage(TestAgent& a, TestAgent& b) {
    const Stage stage = GetParam().stage;
    return eventually([&] {
      movers_[0] = a.mover();
      movers_[1] = b.mover();
      stopped_ = stage == Stage::kDiscard ? a.pid()
                 : stage == Stage::kPrepare || stage == Stage::kRun
                     ? movers_[1]
                     : movers_[0];
      return stopped_ != 0 && state_of(stopped_) == 'T';
    });
  }

  std::vector<pid_t> victims(const TestAgent& a, const TestAgent& b) const {
    switch (GetParam().victim) {
      case Victim::kSourceMover:
        return {movers_[0]};
      case Victim::kTargetMover:
        return {movers_[1]};
      case Victim::kSourceAgent:
        return {a.pid()};
      case Victim::kTargetAgent:
        return {b.pid()};
      case Victim::kBothAgents:
        return {a.pid(), b.pid()};
      case Victim::kSourceVmm:
        return {source_vmm_};
      case Victim::kTargetVmm:
        return {target_vmm_};
      case Victim::kLink:
        break;
    }
    return {};
  }

  void harm(TestAgent& a, TestAgent& b) {
    if (network_) return cut_the_link();
    const std::vector<pid_t> victims = this->victims(a, b);
    if (GetParam().harm == Harm::kStop) {
      for (const pid_t pid : victims) ::kill(pid, SIGSTOP);
      std::this_thread::sleep_for(std::chrono::seconds(5));
      for (const pid_t pid : victims) ::kill(pid, SIGCONT);
    } else {
      for (TestAgent* agent : {&a, &b}) {
        if (std::count(victims.begin(), victims.end(), agent->pid()) > 0) {
          agent->stop(SIGKILL);
        }
      }
      for (const pid_t pid : victims) ::kill(pid, SIGKILL);
      // A VMM takes its time to give back its memory; the stage goes on after.
      EXPECT_TRUE(eventually([&] {
        return std::all_of(victims.begin(), victims.end(), has_ended);
      }));
    }
    for (TestAgent* agent : {&a, &b}) {
      if (!agent->runs()) agent->start();
    }
    ::kill(stopped_, SIGCONT);
  }

  void cut_the_link() {
    ASSERT_TRUE(network_->cut());
    ::kill(stopped_, SIGCONT);
    if (GetParam().harm == Harm::kKill) return;
    std::this_thread::sleep_for(std::chrono::seconds(1));
    ASSERT_TRUE(network_->mend());
  }

  // Cut for ever: what each end shows by itself. Then the link is back.
  void expect_while_cut(TestAgent& a, TestAgent& b) {
    const WhileCut expected = while_cut(GetParam().stage);
    EXPECT_TRUE(eventually([&] {
      return where(a, b) == std::string(expected.guest_at_source) + "|" +
                                expected.guest_at_target &&
             a.undecided() == expected.undecided_at_source &&
             b.undecided() == expected.undecided_at_target;
    })) << where(a, b)
        << " undecided " << a.undecided() << "|" << b.undecided() << "\nA:\n"
        << a.log() << "B:\n"
        << b.log();
    ASSERT_TRUE(network_->mend());
  }

  static std::string where(const TestAgent& a, const TestAgent& b) {
    return a.status("g").value("state", "-") + "|" +
           b.status("g").value("state", "-");
  }

  void expect_outcome(TestAgent& a, TestAgent& b) {
    const std::string logs = "A:\n" + a.log() + "B:\n" + b.log();
    switch (expected(GetParam())) {
      case Outcome::kAtSource:
        return expect_only_at(a, b, logs);
      case Outcome::kAtTarget:
        return expect_only_at(b, a, logs);
      case Outcome::kDead:
        return expect_dead(a, b, logs);
      case Outcome::kFrozen:
        return expect_frozen_until_decided(a, b);
    }
  }

  void expect_only_at(TestAgent& here, TestAgent& there,
                      const std::string& logs) {
    ASSERT_TRUE(eventually([&] {
      return here.status("g").value("state", "") == "running" &&
             there.guests().empty() &&
             here.undecided() + there.undecided() == 0;
    })) << where(here, there)
        << logs << here.log() << there.log();
    const CommandResult checked = here.guest("check", "g");
    EXPECT_EQ(checked.exit_code, 0) << checked.text();
    EXPECT_EQ(there.leftovers(), "");
  }

  // Died where it ran: whatever is left of it there is for guest stop, the
  // other host has nothing.
  void expect_dead(TestAgent& a, TestAgent& b, const std::string& logs) {
    const bool at_source = GetParam().victim == Victim::kSourceVmm;
    TestAgent& here = at_source ? a : b;
    TestAgent& there = at_source ? b : a;
    ASSERT_TRUE(eventually([&] {
      return here.status("g").value("state", "") == "died" &&
             there.guests().empty();
    })) << where(a, b)
        << logs;
    EXPECT_EQ(there.leftovers(), "");
  }

  void expect_frozen_until_decided(TestAgent& a, TestAgent& b) {
    ASSERT_TRUE(eventually([&] {
      return a.status("g").value("state", "") == "frozen" && a.undecided() == 1;
    })) << where(a, b)
        << a.log() << b.log();
    const auto migrations = a.migrations();
    const std::string id = migrations[0]["migration"].get<std::string>();
    EXPECT_NE(migrations[0]["command"].get<std::string>().find(id),
              std::string::npos);
    EXPECT_EQ(b.guest("stop", "g").exit_code, 0);
    // Nothing of the guest is left at B now. That it never ran there is known
    // all the same: an agent that asks anew keeps its image.
    a.stop(SIGKILL);
    a.start();
    EXPECT_EQ(a.status("g").value("state", ""), "frozen") << a.log();
    EXPECT_EQ(a.undecided(), 1u) << a.log();
    const CommandResult decided =
        causeway(folder_, {"decide", id, "run-here", "--target-is-gone",
                           "--agent", a.operator_address()});
    EXPECT_EQ(decided.exit_code, 0) << decided.text();
    expect_only_at(a, b, "");
  }

  TestFolder folder_;
  std::optional<NamespacePair> network_;  // in the cells of the link
  pid_t movers_[2] = {0, 0};
  pid_t source_vmm_ = 0;
  pid_t target_vmm_ = 0;
  pid_t stopped_ = 0;
};

TEST_P(CrashTest, LeavesTheGuestWhereTheTableSays) {
  TestAgent a(folder_, "A", options_of(0));
  TestAgent b(folder_, "B", options_of(1));
  const CommandResult ran = a.run_guest(
      "g", {"--memory", "16M", "--disk", "8M", "--workload", "mixed:10M"});
  ASSERT_EQ(ran.exit_code, 0) << ran.text();
  ASSERT_TRUE(a.wait_until_filled("g"));
  RunningCommand migrate(
      folder_, {"migrate", "g", "--from", a.operator_address(), "--to",
                b.address(), "--path", chosen_path()});
  ASSERT_TRUE(reach_stage(a, b)) << a.log() << b.log();
  source_vmm_ = a.vmm_of("g");
  target_vmm_ = b.vmm_of("g");
  harm(a, b);
  const CommandResult ended = migrate.wait();
  SCOPED_TRACE(ended.text());
  if (network_ && GetParam().harm == Harm::kKill) expect_while_cut(a, b);
  expect_outcome(a, b);
}

INSTANTIATE_TEST_SUITE_P(Cells, CrashTest, testing::ValuesIn(chosen_cells()),
                         [](const auto& cell) {
                           return cell_name(cell.param);
                         });

}  // namespace
}  // namespace causeway::integration
