// causeway probe, over a line whose round trip, rate and loss are known. Wide
// bounds: a busy machine makes a line slower and longer, never the other way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "tests/integration/test_agent.h"
#include "tools/wan-emulator/emulator_process.h"

namespace causeway::integration {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class ProbeTest : public ::testing::Test {
 protected:
  // Skips what needs namespaces where they may not be made.
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "network namespaces need root";
    auto made = NamespacePair::create(Wiring::kThroughMiddle);
    ASSERT_TRUE(made) << made.error().message;
    pair_ = std::make_unique<NamespacePair>(std::move(*made));
    auto emulator = EmulatorProcess::start(
        pair_.get(), binary_folder() + "/causeway-wan-emulator",
        {"--link", "20M,20ms,1%"});
    ASSERT_TRUE(emulator) << emulator.error().message;
    emulator_ = std::move(*emulator);
    a_ = start_agent("A", 0, {"B"});
    b_ = start_agent("B", 1, {"A"});
  }
  std::unique_ptr<TestAgent> start_agent(const std::string& name, int host,
                                         std::vector<std::string> allow) {
    TestAgentOptions options;
    options.network = pair_.get();
    options.host = host;
    options.allow = std::move(allow);
    return std::make_unique<TestAgent>(folder_, name, options);
  }
  std::vector<std::string> command(const std::vector<std::string>& more) {
    std::vector<std::string> all = {"probe", "--from", a_->operator_address(),
                                    "--to", b_->address()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  uint64_t carried() {
    const auto counters = emulator_->counters();
    EXPECT_TRUE(counters);
    return counters ? (*counters)["a-to-b"].at("carried_bytes").get<uint64_t>()
                    : 0;
  }
  bool no_movers() {
    return eventually([&] { return a_->mover() == 0 && b_->mover() == 0; });
  }

  const TestFolder folder_;
  std::unique_ptr<NamespacePair> pair_;
  std::unique_ptr<EmulatorProcess> emulator_;
  std::unique_ptr<TestAgent> a_;
  std::unique_ptr<TestAgent> b_;
};

TEST_F(ProbeTest, SaysWhatTheLineIs) {
  const CommandResult probed =
      causeway(folder_, command({"--duration", "4s", "--json", "-"}));
  ASSERT_EQ(probed.exit_code, 0) << probed.text() << a_->log() << b_->log();
  const json all = json::parse(probed.out);
  ASSERT_EQ(all.at("paths").size(), 2U) << probed.out;
  for (const json& path : all["paths"]) {
    ASSERT_FALSE(path.contains("trouble")) << path;
    EXPECT_GE(path.at("rtt_ms"), 20.0) << path;
    EXPECT_LE(path.at("rtt_ms"), 60.0) << path;
    // Nothing is faster than the line: 20 Mbit/s are 2.5 MB/s.
    EXPECT_LE(path.at("bytes_s"), 2.6e6) << path;
    EXPECT_GT(path.at("bytes"), 100'000U) << path;
    EXPECT_GT(path.at("seconds"), 1.0) << path;
    EXPECT_LE(path.at("seconds"), 4.5) << path;
    // What the line loses, and what its queue drops.
    EXPECT_GT(path.at("loss"), 0.002) << path;
    EXPECT_LT(path.at("loss"), 0.5) << path;
  }
  EXPECT_EQ(all["paths"][0].at("path"), "tcp");
  EXPECT_EQ(all["paths"][1].at("path"), "wan");
  // BBR2 does not mind such a loss.
  EXPECT_GE(all["paths"][1].at("bytes_s"), 1.0e6) << probed.out;
  EXPECT_TRUE(no_movers());
}

TEST_F(ProbeTest, SaysSoInATable) {
  const CommandResult probed =
      causeway(folder_, command({"--duration", "1s", "--path", "wan"}));
  ASSERT_EQ(probed.exit_code, 0) << probed.text();
  EXPECT_THAT(probed.out, HasSubstr("rtt ms"));
  EXPECT_THAT(probed.out, HasSubstr("\nwan "));
  EXPECT_EQ(probed.out.find("\ntcp "), std::string::npos);
}

TEST_F(ProbeTest, AMoveHeedsWhatWasMeasured) {
  if (const std::string why = why_no_process_guest(); !why.empty()) {
    GTEST_SKIP() << why;
  }
  ASSERT_TRUE(emulator_->set("both loss=6%"));
  const CommandResult ran = a_->run_guest(
      "g", {"--hypervisor", "process", "--memory", "8M", "--workload", "idle"});
  ASSERT_EQ(ran.exit_code, 0) << ran.text();
  ASSERT_TRUE(a_->wait_until_filled("g"));
  const std::vector<std::string> migrate = {
      "migrate",  "g",           "--from", a_->operator_address(),
      "--to",     b_->address(), "--path", "wan",
      "--dry-run"};
  CommandResult tried = causeway(folder_, migrate);
  ASSERT_EQ(tried.exit_code, 0) << tried.text();
  EXPECT_THAT(a_->log(), HasSubstr("congestion bbr2: nothing is known"));
  const CommandResult probed =
      causeway(folder_, command({"--duration", "4s", "--path", "wan"}));
  ASSERT_EQ(probed.exit_code, 0) << probed.text();
  tried = causeway(folder_, migrate);
  ASSERT_EQ(tried.exit_code, 0) << tried.text();
  EXPECT_THAT(a_->log(), HasSubstr("congestion bbr: the line lost"))
      << probed.out;
}

// Cancelled or out of time: what it has seen of the line is worth knowing.
TEST_F(ProbeTest, AMoveThatDidNotComeToItsEndTeachesTheNext) {
  if (const std::string why = why_no_process_guest(); !why.empty()) {
    GTEST_SKIP() << why;
  }
  const CommandResult ran =
      a_->run_guest("g", {"--hypervisor", "process", "--memory", "64M",
                          "--workload", "idle", "--content", "random"});
  ASSERT_EQ(ran.exit_code, 0) << ran.text();
  ASSERT_TRUE(a_->wait_until_filled("g"));
  const auto migrate = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"migrate", "g", "--from", a_->operator_address(),
                               "--to", b_->address(), "--path", "wan"});
    return more;
  };
  const auto controller = [&] {
    const size_t before = a_->log().size();
    const CommandResult tried = causeway(folder_, migrate({"--dry-run"}));
    EXPECT_EQ(tried.exit_code, 0) << tried.text();
    const std::string log = a_->log().substr(before);
    return log.find("congestion bbr:") != std::string::npos ? "bbr" : "bbr2";
  };
  // Longer and faster: what is lost is not what its own queue drops.
  ASSERT_TRUE(emulator_->set("both rate=50M,delay=30ms,loss=5%"));
  EXPECT_STREQ(controller(), "bbr2");
  RunningCommand moving(folder_, migrate({"--congestion", "bbr2"}));
  ASSERT_TRUE(eventually([&] { return carried() > (20u << 20); }));
  moving.signal(SIGINT);
  EXPECT_NE(moving.wait().exit_code, 0);
  EXPECT_STREQ(controller(), "bbr") << a_->log();

  ASSERT_TRUE(emulator_->set("both loss=0%"));
  const CommandResult late = causeway(
      folder_, migrate({"--congestion", "bbr2", "--time-limit", "6s"}));
  EXPECT_NE(late.exit_code, 0) << late.text();
  EXPECT_STREQ(controller(), "bbr2") << a_->log();
  EXPECT_EQ(a_->status("g").value("state", ""), "running");
}

// Over a line of which nothing is known, that is long and loses much.
TEST_F(ProbeTest, AMoveBeginsAnewWhereTheLineLosesTooMuch) {
  if (const std::string why = why_no_process_guest(); !why.empty()) {
    GTEST_SKIP() << why;
  }
  ASSERT_TRUE(emulator_->set("both rate=100M,delay=50ms,loss=5%"));
  const CommandResult ran =
      a_->run_guest("g", {"--hypervisor", "process", "--memory", "192M",
                          "--workload", "idle", "--content", "random"});
  ASSERT_EQ(ran.exit_code, 0) << ran.text();
  ASSERT_TRUE(a_->wait_until_filled("g"));
  const std::string file = folder_.file("report.json");
  const CommandResult moved =
      causeway(folder_, {"migrate", "g", "--from", a_->operator_address(),
                         "--to", b_->address(), "--path", "wan", "--codec",
                         "none", "--json", file});
  ASSERT_EQ(moved.exit_code, 0) << moved.text() << a_->log();
  EXPECT_THAT(a_->log(), HasSubstr("congestion bbr2: nothing is known"));
  const json report = json::parse(read_file(file), nullptr, false);
  EXPECT_EQ(report.value("congestion", ""), "bbr") << report.dump(2);
  ASSERT_TRUE(report.contains("begun_anew")) << report.dump(2);
  EXPECT_THAT(report["begun_anew"].value("why", ""), HasSubstr("line loses"));
  EXPECT_GT(report["begun_anew"].value("seconds", 0.0), 1.0);
  EXPECT_GT(report.value("total_s", 0.0),
            report["begun_anew"].value("seconds", 0.0) + 1);
  EXPECT_THAT(moved.out, HasSubstr("path wan by bbr,"));
  EXPECT_THAT(moved.out, HasSubstr("  anew     after "));
  printf("%s", moved.out.c_str());
  EXPECT_EQ(b_->guest("check", "g").exit_code, 0);
  EXPECT_TRUE(a_->guests().empty());
  EXPECT_EQ(a_->leftovers(), "");
  EXPECT_TRUE(no_movers());
}

// By the id that it had before.
TEST_F(ProbeTest, AMoveThatBeganAnewIsFoundAndCancelled) {
  if (const std::string why = why_no_process_guest(); !why.empty()) {
    GTEST_SKIP() << why;
  }
  ASSERT_TRUE(emulator_->set("both rate=100M,delay=50ms,loss=5%"));
  const CommandResult ran =
      a_->run_guest("g", {"--hypervisor", "process", "--memory", "192M",
                          "--workload", "idle", "--content", "random"});
  ASSERT_EQ(ran.exit_code, 0) << ran.text();
  ASSERT_TRUE(a_->wait_until_filled("g"));
  RunningCommand moving(
      folder_, {"migrate", "g", "--from", a_->operator_address(), "--to",
                b_->address(), "--path", "wan", "--codec", "none"});
  const std::string marker = " will begin anew with bbr";
  ASSERT_TRUE(eventually([&] {
    return a_->log().find(marker) != std::string::npos;
  })) << a_->log();
  const std::string log = a_->log();
  const size_t end = log.find(marker);
  const size_t space = log.rfind(' ', end - 1);
  const std::string first = log.substr(space + 1, end - space - 1);
  const auto attempts = [&] {
    const std::string text = a_->log();
    size_t count = 0;
    for (size_t at = 0; (at = text.find("leaves for", at)) != std::string::npos;
         ++at) {
      ++count;
    }
    return count;
  };
  ASSERT_TRUE(eventually([&] { return attempts() == 2; })) << a_->log();
  const CommandResult cancelled =
      causeway(folder_, {"cancel", first, "--agent", a_->operator_address()});
  EXPECT_EQ(cancelled.exit_code, 0) << cancelled.text() << a_->log();
  EXPECT_NE(moving.wait().exit_code, 0);
  EXPECT_EQ(attempts(), 2u) << "it began a third time";
  EXPECT_EQ(a_->status("g").value("state", ""), "running");
  EXPECT_TRUE(b_->guests().empty());
  EXPECT_TRUE(no_movers());
}

TEST_F(ProbeTest, IsRefusedWhereNoGuestMayCome) {
  b_.reset();
  b_ = start_agent("B", 1, {});
  const CommandResult probed = causeway(folder_, command({}));
  EXPECT_NE(probed.exit_code, 0);
  EXPECT_THAT(probed.err, HasSubstr("may not move guests to host B"));
  EXPECT_TRUE(no_movers());
}

TEST_F(ProbeTest, WhatIsTooLongOrNotThereIsRefused) {
  CommandResult probed = causeway(folder_, command({"--duration", "90s"}));
  EXPECT_EQ(probed.exit_code, 2) << probed.text();
  EXPECT_THAT(probed.err, HasSubstr("lasts 1 to 60 s"));
  probed = causeway(folder_, {"probe", "--from", a_->operator_address(), "--to",
                              pair_->address(1) + ":1"});
  EXPECT_NE(probed.exit_code, 0);
  EXPECT_THAT(probed.err, HasSubstr(pair_->address(1) + ":1"));
}

TEST_F(ProbeTest, CtrlCEndsItAtBothHosts) {
  RunningCommand running(folder_, command({"--duration", "50s"}));
  ASSERT_TRUE(eventually([&] { return a_->mover() != 0 && b_->mover() != 0; }));
  // Two at once would measure each other.
  const CommandResult second = causeway(folder_, command({}));
  EXPECT_NE(second.exit_code, 0);
  EXPECT_THAT(second.err, HasSubstr("probing a path already"));
  running.signal(SIGINT);
  EXPECT_NE(running.wait().exit_code, 0);
  EXPECT_TRUE(no_movers());
}

}  // namespace
}  // namespace causeway::integration
