// The crash matrix: each process of a migration is killed, or stopped for a
// while, and what is between the hosts is cut, for a while or until both have
// found out, exactly at each stage. What must become of the guest is written
// down for each cell (crash_cells.h); besides, always: it runs in one place and
// passes its check there, and the other host has nothing of it; nothing is
// pinned any more.
//
// CAUSEWAY_CRASH_CELLS=N takes N cells by chance instead of the short ones, and
// CAUSEWAY_CRASH_SEED=S which ones; =all takes all. CAUSEWAY_CRASH_PATH=wan
// moves over QUIC; what is cut in a long line always does. =rdma by verbs,
// which need tests/labs/rdma: process guests then, which write slowly.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "tests/integration/cell_wire.h"
#include "tests/integration/crash_cells.h"
#include "tests/integration/test_agent.h"

namespace causeway::integration {
namespace {

class CrashTest : public testing::TestWithParam<Cell> {
 protected:
  void SetUp() override {
    const std::string why = by_rdma() ? why_no_process_guest() : why_no_kvm();
    if (!why.empty()) GTEST_SKIP() << why;
    auto wire = CellWire::create(GetParam().victim);
    if (!wire && geteuid() != 0) {
      GTEST_SKIP() << "network namespaces need root: " << wire.error().message;
    }
    ASSERT_TRUE(wire) << wire.error().message;
    wire_.emplace(std::move(*wire));
  }

  void TearDown() override {
    if (!wire_) return;
    const Status renewed = wire_->renew();
    EXPECT_TRUE(renewed) << renewed.error().message;
  }

  static bool by_rdma() { return path_of(GetParam().victim) == "rdma"; }

  static std::vector<std::string> guest_arguments() {
    if (!by_rdma()) {
      return {"--memory", "16M", "--disk", "8M", "--workload", "mixed:10M"};
    }
    return {"--hypervisor", "process", "--memory",   "8M",
            "--disk",       "1M",      "--workload", "mixed:512K"};
  }

  TestAgentOptions options_of(int host) {
    TestAgentOptions options;
    options.stop_at = stop_point_of(GetParam().stage);
    wire_->place(host, &options);
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
      default:
        return {};
    }
  }

  void harm(TestAgent& a, TestAgent& b) {
    if (wire_of(GetParam().victim) != Wire::kLoopback) return cut();
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

  // Heals it only where the migration is to go on after.
  void cut() {
    ASSERT_TRUE(wire_->cut());
    cut_at_ = Clock::now();
    ::kill(stopped_, SIGCONT);
    const auto time = cut_time(GetParam().harm);
    if (loses_the_path(GetParam()) || time == time.zero()) return;
    std::this_thread::sleep_until(cut_at_ + time);
    ASSERT_TRUE(wire_->mend());
  }

  // What each end shows by itself. Then the link is back.
  void expect_while_lost(TestAgent& a, TestAgent& b,
                         const CommandResult& ended) {
    const WhileLost expected = while_lost(GetParam().stage);
    EXPECT_NE((ended.out + ended.err).find(expected.told), std::string::npos);
    EXPECT_TRUE(eventually([&] {
      return where(a, b) == std::string(expected.guest_at_source) + "|" +
                                expected.guest_at_target &&
             a.undecided() == expected.undecided_at_source &&
             b.undecided() == expected.undecided_at_target;
    })) << where(a, b)
        << " undecided " << a.undecided() << "|" << b.undecided() << "\nA:\n"
        << a.log() << "B:\n"
        << b.log();
    const auto time = cut_time(GetParam().harm);
    const auto until = cut_at_ + time;
    EXPECT_TRUE(time == time.zero() || Clock::now() < until)
        << "they found out only when it was back";
    std::this_thread::sleep_until(until);
    ASSERT_TRUE(wire_->mend());
  }

  // A cut of the line under one of the messages of the blackout is part of it,
  // to half a round trip; one under Running is not.
  static void expect_blackout(double ms) {
    const Cell& cell = GetParam();
    const std::chrono::duration<double, std::milli> cut = cut_time(cell.harm);
    EXPECT_GT(ms, 0);
    if (wire_of(cell.victim) == Wire::kFabric) {
      // Given up after kRdmaUrgentSilenceMax, however long it lasts.
      EXPECT_LT(ms, 6000);
      return;
    }
    if (cell.stage >= Stage::kStop && cell.stage <= Stage::kCommit) {
      EXPECT_GT(ms, 0.9 * cut.count());
    } else if (cell.harm == Harm::kCut10s) {
      EXPECT_LT(ms, 0.4 * cut.count());
    }
  }

  // As if nothing had been; what it cost is in the report.
  void expect_moved(const CommandResult& ended) {
    EXPECT_EQ(ended.exit_code, 0);
    const auto report = nlohmann::json::parse(
        read_file(folder_.file("report.json")), nullptr, false);
    ASSERT_TRUE(report.is_object());
    const double blackout_ms = report.value("blackout_ms", 0.0);
    expect_blackout(blackout_ms);
    printf("blackout %.1f ms, the guest says %.1f\n", blackout_ms,
           report.value("guest_blackout_ms", 0.0));
  }

  static std::string where(const TestAgent& a, const TestAgent& b) {
    return a.status("g").value("state", "-") + "|" +
           b.status("g").value("state", "-");
  }

  // In the middle of it: the movers' own, so that to see none later means so.
  void expect_pinned() {
    if (!by_rdma() || GetParam().stage != Stage::kRound2) return;
    EXPECT_NE(CellWire::registrations().value(), "");
    for (const pid_t mover : movers_) EXPECT_GT(pinned_kib(mover), 0u);
  }

  void expect_nothing_pinned(const TestAgent& a, const TestAgent& b) {
    if (!by_rdma()) return;
    EXPECT_TRUE(eventually([] {
      return CellWire::registrations().value().empty();
    })) << CellWire::registrations().value();
    for (const TestAgent* agent : {&a, &b}) {
      EXPECT_EQ(pinned_kib(agent->pid()), 0u);
      // Of a VMM that is not there: nothing.
      EXPECT_EQ(pinned_kib(agent->vmm_of("g")), 0u);
    }
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
    EXPECT_EQ(here.mover(), 0);
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

  using Clock = std::chrono::steady_clock;

  TestFolder folder_;
  std::optional<CellWire> wire_;
  Clock::time_point cut_at_;
  pid_t movers_[2] = {0, 0};
  pid_t source_vmm_ = 0;
  pid_t target_vmm_ = 0;
  pid_t stopped_ = 0;
};

TEST_P(CrashTest, LeavesTheGuestWhereTheTableSays) {
  TestAgent a(folder_, "A", options_of(0));
  TestAgent b(folder_, "B", options_of(1));
  const CommandResult ran = a.run_guest("g", guest_arguments());
  ASSERT_EQ(ran.exit_code, 0) << ran.text();
  ASSERT_TRUE(a.wait_until_filled("g"));
  RunningCommand migrate(
      folder_, {"migrate", "g", "--from", a.operator_address(), "--to",
                b.address(), "--path", path_of(GetParam().victim), "--json",
                folder_.file("report.json")});
  ASSERT_TRUE(reach_stage(a, b)) << a.log() << b.log();
  source_vmm_ = a.vmm_of("g");
  target_vmm_ = b.vmm_of("g");
  expect_pinned();
  harm(a, b);
  const CommandResult ended = migrate.wait();
  SCOPED_TRACE(ended.text());
  if (loses_the_path(GetParam())) {
    expect_while_lost(a, b, ended);
  } else if (wire_of(GetParam().victim) != Wire::kLoopback) {
    expect_moved(ended);
  }
  expect_outcome(a, b);
  expect_nothing_pinned(a, b);
}

INSTANTIATE_TEST_SUITE_P(Cells, CrashTest, testing::ValuesIn(chosen_cells()),
                         [](const auto& cell) {
                           return cell_name(cell.param);
                         });

}  // namespace
}  // namespace causeway::integration
