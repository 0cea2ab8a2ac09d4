#include "tools/agent/guest_table.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

namespace causeway {
namespace {

control::GuestConfig config(const std::string& name) {
  control::GuestConfig config;
  config.set_name(name);
  config.set_memory_bytes(100);
  config.set_disk_bytes(10);
  return config;
}

ChildProcess process() {
  SpawnOptions options;
  options.argv = {"sleep", "1000"};
  return ChildProcess::spawn(options).value();
}

// A table does not kill; the tests' processes must not outlive them.
void end(GuestTable* table, const std::string& name) {
  auto claim = table->claim(name, GuestPhase::kStopping, "h");
  ASSERT_TRUE(claim) << claim.error().message;
  (void)claim->drop();
}

TEST(GuestTable, AnUnsettledClaimLeavesNothing) {
  GuestTable table;
  {
    auto claim = table.claim_new(config("g"), GuestPhase::kStarting, "h");
    ASSERT_TRUE(claim);
    EXPECT_TRUE(table.find("g"));
    const auto second =
        table.claim_new(config("g"), GuestPhase::kArriving, "host7");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
    EXPECT_NE(second.error().message.find("host host7 has a guest named g"),
              std::string::npos);
  }
  EXPECT_FALSE(table.find("g"));
}

TEST(GuestTable, OneWorkerAtATime) {
  GuestTable table;
  table.claim_new(config("g"), GuestPhase::kStarting, "h")
      ->settle({config("g"), 1, 2, ""}, process());
  {
    auto claim = table.claim("g", GuestPhase::kDeparting, "h");
    ASSERT_TRUE(claim);
    const auto second = table.claim("g", GuestPhase::kStopping, "h");
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().message.find("is migrating just now"),
              std::string::npos);
  }
  EXPECT_EQ(table.find("g")->phase, GuestPhase::kRunning);
  const auto unknown = table.claim("x", GuestPhase::kStopping, "h");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
  end(&table, "g");
  EXPECT_FALSE(table.find("g"));
}

TEST(GuestTable, LeavesAsItIsTold) {
  GuestTable table;
  table.claim_new(config("g"), GuestPhase::kStarting, "h")
      ->settle({config("g"), 1, 2, ""}, process());
  table.claim("g", GuestPhase::kDeparting, "h")
      ->leave_as(GuestPhase::kFrozen, "the proof failed");
  EXPECT_EQ(table.find("g")->phase, GuestPhase::kFrozen);
  EXPECT_EQ(table.find("g")->why, "the proof failed");
  end(&table, "g");
}

TEST(GuestTable, ADeathIsNoticedOnce) {
  GuestTable table;
  auto claim = table.claim_new(config("g"), GuestPhase::kStarting, "h");
  ChildProcess child = process();
  const pid_t pid = child.pid();
  claim->settle({config("g"), pid, 2, ""}, std::move(child));
  { GuestTable::Claim gone = std::move(*claim); }
  EXPECT_TRUE(table.note_deaths().empty());
  const std::vector<int> fds = table.exit_fds();
  ASSERT_EQ(fds.size(), 2u);
  kill(pid, SIGKILL);
  pollfd exit_fd = {fds[1], POLLIN, 0};
  ASSERT_EQ(poll(&exit_fd, 1, 20000), 1);
  const auto died = table.note_deaths();
  ASSERT_EQ(died.size(), 1u);
  EXPECT_NE(died[0].why.find("signal 9"), std::string::npos);
  EXPECT_TRUE(table.note_deaths().empty());
  EXPECT_EQ(table.find("g")->phase, GuestPhase::kDied);
  end(&table, "g");
}

TEST(GuestTable, TotalsCountWhatIsStillArriving) {
  GuestTable table;
  auto here = table.claim_new(config("a"), GuestPhase::kStarting, "h");
  auto coming = table.claim_new(config("b"), GuestPhase::kArriving, "h");
  auto mine = table.claim_new(config("c"), GuestPhase::kArriving, "h");
  const auto totals = table.totals_without("c");
  EXPECT_EQ(totals.memory_bytes, 200u);
  EXPECT_EQ(totals.arriving_memory_bytes, 100u);
  EXPECT_EQ(totals.arriving_disk_bytes, 10u);
}

}  // namespace
}  // namespace causeway
