// Soak: one guest goes back and forth between two hosts while, at a moment by
// chance, a process by chance of those that take part is killed. After each:
// the guest runs in one place and passes its check there, its steps never go
// back, the other host has nothing of it. It may have died only where its own
// VMM was killed, and stand still only until the operator has decided.
//
// CAUSEWAY_SOAK_KILLS=N kills (10), CAUSEWAY_SOAK_SEED=S which and when.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <thread>

#include "tests/integration/test_agent.h"

namespace causeway::integration {
namespace {

using std::chrono::microseconds;
using Clock = std::chrono::steady_clock;

unsigned long from_environment(const char* name, unsigned long otherwise) {
  const char* given = std::getenv(name);
  return given == nullptr ? otherwise : std::stoul(given);
}

struct Victim {
  const char* name;
  std::vector<pid_t> pids;
};

class KillSoak : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_kvm(); !why.empty()) GTEST_SKIP() << why;
    printf("CAUSEWAY_SOAK_SEED=%lu\n", seed_);
    boot();
    // How long a move takes when nobody is killed.
    const auto begin = Clock::now();
    const CommandResult moved = causeway(folder_, move());
    ASSERT_EQ(moved.exit_code, 0) << moved.text();
    usual_ = std::chrono::duration_cast<microseconds>(Clock::now() - begin);
    std::swap(here_, there_);
  }

  void boot() {
    const CommandResult ran = here_->run_guest(
        "g", {"--memory", "16M", "--disk", "8M", "--workload", "mixed:10M"});
    ASSERT_EQ(ran.exit_code, 0) << ran.text();
    ASSERT_TRUE(here_->wait_until_filled("g"));
    steps_ = 0;
  }

  std::vector<std::string> move() const {
    return {"migrate",        "g",    "--from",
            here_->address(), "--to", there_->address()};
  }

  // Of the processes that are there just now. VMMs seldom: a guest that was
  // killed says little.
  Victim choose() {
    switch (std::discrete_distribution<int>({4, 4, 4, 4, 2, 1, 2})(random_)) {
      case 0:
        return {"source mover", {here_->mover()}};
      case 1:
        return {"target mover", {there_->mover()}};
      case 2:
        return {"source agent", {here_->pid()}};
      case 3:
        return {"target agent", {there_->pid()}};
      case 4:
        return {"both agents", {here_->pid(), there_->pid()}};
      case 5:
        return {"source VMM", {here_->vmm_of("g")}};
      default:
        return {"target VMM", {there_->vmm_of("g")}};
    }
  }

  void kill_all(const Victim& victim) {
    for (const pid_t pid : victim.pids) {
      if (pid > 0) ::kill(pid, SIGKILL);
    }
    for (TestAgent* agent : {here_, there_}) {
      if (std::count(victim.pids.begin(), victim.pids.end(), agent->pid()) >
          0) {
        agent->stop(SIGKILL);
        agent->start();
      }
    }
  }

  void one_kill() {
    RunningCommand migrate(folder_, move());
    const microseconds after(std::uniform_int_distribution<int64_t>(
        0, usual_.count() * 5 / 4)(random_));
    std::this_thread::sleep_for(after);
    const Victim victim = choose();
    SCOPED_TRACE(std::string(victim.name) + " after " +
                 std::to_string(after.count()) + " us");
    kill_all(victim);
    const CommandResult ended = migrate.wait();
    SCOPED_TRACE(ended.text());
    settle(victim);
  }

  static std::string state(const TestAgent& agent) {
    return agent.status("g").value("state", "-");
  }

  // Where all has come to rest.
  bool settled() {
    // Both at once, or it moved between the two looks.
    const std::string before = state(*here_);
    const std::string there = state(*there_);
    const std::string here = state(*here_);
    EXPECT_FALSE(before == "running" && there == "running" &&
                 here == "running");
    outcome_ = here + "|" + there;
    const size_t undecided = here_->undecided() + there_->undecided();
    if (outcome_ == "frozen|died") return undecided == 1;
    return undecided == 0 &&
           (outcome_ == "running|-" || outcome_ == "-|running" ||
            outcome_ == "died|-" || outcome_ == "-|died");
  }

  void settle(const Victim& victim) {
    ASSERT_TRUE(eventually([&] { return settled(); }))
        << outcome_ << "\n"
        << here_->log() << there_->log();
    ++outcomes_[outcome_];
    const bool vmm = std::string(victim.name).ends_with("VMM");
    if (outcome_ == "frozen|died") {
      EXPECT_TRUE(vmm);
      return decide_and_check();
    }
    if (outcome_ == "-|running" || outcome_ == "-|died") {
      std::swap(here_, there_);
    }
    if (outcome_.find("died") == std::string::npos) return check_here();
    EXPECT_TRUE(vmm) << here_->log() << there_->log();
    EXPECT_EQ(here_->guest("stop", "g").exit_code, 0);
    EXPECT_EQ(there_->leftovers(), "");
    boot();
  }

  // It was told to run there and its VMM was killed: only an operator can know
  // that it is gone.
  void decide_and_check() {
    const std::string id =
        here_->migrations().at(0).at("migration").get<std::string>();
    EXPECT_EQ(there_->guest("stop", "g").exit_code, 0);
    const CommandResult decided =
        causeway(folder_, {"decide", id, "run-here", "--target-is-gone",
                           "--agent", here_->address()});
    ASSERT_EQ(decided.exit_code, 0) << decided.text();
    check_here();
  }

  // Taken back, too, it has made every step up to the freeze.
  void check_here() {
    ASSERT_EQ(state(*here_), "running") << here_->log();
    const CommandResult checked = here_->guest("check", "g");
    EXPECT_EQ(checked.exit_code, 0) << checked.text();
    const auto steps = here_->status("g").value("steps", uint64_t{0});
    EXPECT_GT(steps, steps_);
    steps_ = steps;
    EXPECT_TRUE(eventually([&] { return there_->leftovers().empty(); }))
        << there_->leftovers();
  }

  const unsigned long seed_ =
      from_environment("CAUSEWAY_SOAK_SEED", std::random_device{}());
  std::mt19937 random_{static_cast<unsigned>(seed_)};
  TestFolder folder_;
  TestAgent a_{folder_, "A"};
  TestAgent b_{folder_, "B"};
  TestAgent* here_ = &a_;  // has the guest
  TestAgent* there_ = &b_;
  microseconds usual_{0};
  uint64_t steps_ = 0;
  std::string outcome_;
  std::map<std::string, int> outcomes_;
};

TEST_F(KillSoak, NoKillLosesOrDoublesTheGuest) {
  const unsigned long kills = from_environment("CAUSEWAY_SOAK_KILLS", 10);
  for (unsigned long i = 0; i < kills; ++i) {
    SCOPED_TRACE("kill " + std::to_string(i));
    one_kill();
    if (HasFailure()) break;
  }
  for (const auto& [outcome, count] : outcomes_) {
    printf("%d times %s (source|target)\n", count, outcome.c_str());
  }
}

}  // namespace
}  // namespace causeway::integration
