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
