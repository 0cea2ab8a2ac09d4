// The demo, whole: what a new user runs first.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "tests/integration/test_agent.h"

namespace causeway::integration {
namespace {

namespace fs = std::filesystem;

class DemoTest : public ::testing::Test {
 protected:
  void SetUp() override { setenv("TMPDIR", folder_.path().c_str(), 1); }
  void TearDown() override { unsetenv("TMPDIR"); }

  std::vector<std::string> arguments(std::vector<std::string> more = {}) {
    std::vector<std::string> all = {"demo", "--memory", "64M",      "--disk",
                                    "32M",  "--json",   json_path()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::string json_path() const { return folder_.file("demo.json"); }
  bool nothing_left() const {
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("causeway-demo-")) return false;
    }
    return processes_with(folder_.path() + "/causeway-demo-").empty() &&
           sockets_with(folder_.path() + "/causeway-demo-").empty();
  }

  TestFolder folder_;
};

TEST_F(DemoTest, AllOfItHolds) {
  const CommandResult result = causeway(folder_, arguments());
  EXPECT_EQ(result.exit_code, 0) << result.text();
  EXPECT_NE(result.out.find("all of it held"), std::string::npos)
      << result.text();
  const auto report =
      nlohmann::json::parse(read_file(json_path()), nullptr, false);
  EXPECT_TRUE(report.value("verified", false)) << report.dump(2);
  EXPECT_TRUE(report.at("check").value("ok", false)) << report.dump(2);
  EXPECT_EQ(report.value("encryption", ""), "tls-1.3");
  EXPECT_TRUE(nothing_left());
}

TEST_F(DemoTest, InTheClearToo) {
  const CommandResult result = causeway(folder_, arguments({"--clear"}));
  EXPECT_EQ(result.exit_code, 0) << result.text();
  const auto report =
      nlohmann::json::parse(read_file(json_path()), nullptr, false);
  EXPECT_EQ(report.value("encryption", ""), "none");
  EXPECT_TRUE(nothing_left());
}

// 96 MiB at 400 Mbit/s take two seconds.
TEST_F(DemoTest, OverALink) {
  if (geteuid() != 0) GTEST_SKIP() << "network namespaces need root";
  const CommandResult result = causeway(
      folder_,
      arguments({"--workload", "mixed:1M", "--link", "400M,10ms,0.1%"}));
  EXPECT_EQ(result.exit_code, 0) << result.text();
  EXPECT_NE(result.out.find("a link of 400 Mbit/s, round trip 10.0 ms, loss "
                            "0.1%"),
            std::string::npos)
      << result.text();
  const auto report =
      nlohmann::json::parse(read_file(json_path()), nullptr, false);
  EXPECT_TRUE(report.value("verified", false)) << report.dump(2);
  // Everything went over the link, and it was slow and lossy.
  const auto& link = report.at("link");
  EXPECT_EQ(link.value("spec", ""), "400M,10ms,0.1%");
  EXPECT_GE(link["a-to-b"].value("carried_bytes", uint64_t{0}),
            report["bytes"].value("wire", UINT64_MAX));
  EXPECT_GT(link["a-to-b"].value("lost_frames", uint64_t{0}), 0u);
  EXPECT_EQ(link["a-to-b"].value("refused_frames", uint64_t{1}), 0u);
  EXPECT_GE(report["ledger"].value("round_trips", 0.0), 10.0)
      << report["ledger"].dump(2);
  EXPECT_TRUE(nothing_left());
  EXPECT_TRUE(processes_with("400M,10ms,0.1%").empty());
}

TEST_F(DemoTest, ALinkThatIsNoneIsNamed) {
  const CommandResult result = causeway(folder_, arguments({"--link", "100M"}));
  EXPECT_EQ(result.exit_code, 2) << result.text();
  EXPECT_NE(result.err.find("\"100M\" is no link; write rate, round trip and "
                            "loss"),
            std::string::npos)
      << result.text();
  EXPECT_TRUE(nothing_left());
}

TEST_F(DemoTest, AFailureIsAFailure) {
  const CommandResult result = causeway(
      folder_, {"demo", "--memory", "33554433", "--json", json_path()});
  EXPECT_EQ(result.exit_code, 2) << result.text();
  EXPECT_NE(result.err.find("not a multiple of the page size"),
            std::string::npos)
      << result.text();
  const auto report =
      nlohmann::json::parse(read_file(json_path()), nullptr, false);
  EXPECT_EQ(report.at("error").value("code", ""), "invalid-argument");
  EXPECT_TRUE(nothing_left());
}

TEST_F(DemoTest, CtrlCCleansUp) {
  RunningCommand demo(folder_, arguments({"--bandwidth", "4M"}));
  ASSERT_TRUE(demo.wait_for_output("pre-copy"));
  demo.signal(SIGINT);
  const CommandResult result = demo.wait();
  EXPECT_EQ(result.exit_code, 14) << result.text();
  EXPECT_TRUE(nothing_left());
}

TEST_F(DemoTest, AKilledDemoIsCleanedUpByItsAgents) {
  RunningCommand demo(folder_, arguments({"--bandwidth", "4M"}));
  ASSERT_TRUE(demo.wait_for_output("pre-copy"));
  demo.signal(SIGKILL);
  demo.wait();
  EXPECT_TRUE(eventually([this] { return nothing_left(); }));
}

}  // namespace
}  // namespace causeway::integration
