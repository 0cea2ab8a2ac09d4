// A guest moves over two emulated lines at once, of which one falls silent in
// mid-move and comes back.
#include <gtest/gtest.h>
#include <unistd.h>

#include <future>

#include "tests/integration/test_agent.h"
#include "tools/wan-emulator/emulator_process.h"

namespace causeway::integration {
namespace {

class LanesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_kvm(); !why.empty()) {
      GTEST_SKIP() << why;
    }
    if (geteuid() != 0) GTEST_SKIP() << "network namespaces need root";
    auto network = NamespacePair::create(Wiring::kThroughMiddle,
                                         NamespacePair::kMtuDefault, kLines);
    ASSERT_TRUE(network) << network.error().message;
    network_ = std::make_unique<NamespacePair>(std::move(*network));
  }
  // Each host has an address on the first `vias` of the lines to move by.
  void start_lines(const std::string& first, const std::string& second,
                   int vias = kLines) {
    const std::string links[] = {first, second};
    for (int i = 0; i < kLines; ++i) {
      auto line = EmulatorProcess::start(
          network_.get(), binary_folder() + "/causeway-wan-emulator",
          {"--link", links[i]}, i);
      ASSERT_TRUE(line) << line.error().message;
      lines_[i] = std::move(*line);
    }
    a_ = std::make_unique<TestAgent>(folder_, "A", host(0, vias));
    b_ = std::make_unique<TestAgent>(folder_, "B", host(1, vias));
  }
  void run_guest(const std::vector<std::string>& arguments) {
    const CommandResult ran = a_->run_guest("g", arguments);
    ASSERT_EQ(ran.exit_code, 0) << ran.text();
    ASSERT_TRUE(a_->wait_until_filled("g")) << a_->log();
  }
  CommandResult migrate(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"migrate", "g", "--from", a_->operator_address(), "--to",
                      b_->address(), "--path", "wan", "--json",
                      folder_.file("report.json")});
    return causeway(folder_, arguments);
  }
  nlohmann::json report() const {
    return nlohmann::json::parse(read_file(folder_.file("report.json")),
                                 nullptr, false);
  }
  uint64_t carried(int line) {
    const auto counters = lines_[line]->counters();
    EXPECT_TRUE(counters);
    return counters ? (*counters)["a-to-b"].at("carried_bytes").get<uint64_t>()
                    : 0;
  }

  static constexpr int kLines = 2;
  TestFolder folder_;
  std::unique_ptr<NamespacePair> network_;
  std::unique_ptr<EmulatorProcess> lines_[kLines];
  std::unique_ptr<TestAgent> a_;
  std::unique_ptr<TestAgent> b_;

 private:
  TestAgentOptions host(int index, int vias) {
    TestAgentOptions options;
    options.network = network_.get();
    options.host = index;
    for (int i = 0; i < vias; ++i) {
      options.arguments.push_back("--wan-via");
      options.arguments.push_back(network_->address(index, i));
    }
    return options;
  }
};

TEST_F(LanesTest, AGuestMovesOverBothLines) {
  start_lines("60M,20ms", "60M,20ms");
  if (HasFatalFailure()) return;
  run_guest({"--memory", "64M", "--content", "random"});
  const uint64_t before[] = {carried(0), carried(1)};
  const CommandResult moved = migrate({});
  ASSERT_EQ(moved.exit_code, 0) << moved.text() << a_->log() << b_->log();
  const nlohmann::json lanes = report()["lanes"];
  ASSERT_EQ(lanes.size(), 2u) << report();
  for (int i = 0; i < kLines; ++i) {
    const uint64_t bytes = lanes[i].at("bytes").get<uint64_t>();
    EXPECT_EQ(lanes[i].at("address").get<std::string>().rfind(
                  network_->address(0, i) + ":", 0),
              0u)
        << lanes;
    EXPECT_EQ(lanes[i].at("losses"), 0);
    EXPECT_NEAR(static_cast<double>(bytes),
                static_cast<double>(carried(i) - before[i]), 0.2 * bytes);
    // Of equal lines neither does a third more than the other.
    EXPECT_GE(bytes, (64u << 20) * 3 / 7 * 9 / 10) << lanes;
  }
  EXPECT_NE(moved.out.find("  lane     "), std::string::npos) << moved.out;
  EXPECT_EQ(b_->guest("check", "g").exit_code, 0);
  EXPECT_EQ(a_->leftovers(), "");
}

// It is tried again when it breaks, as one of several.
TEST_F(LanesTest, AStripeMayHaveOneLane) {
  start_lines("100M,2ms", "100M,2ms", 1);
  if (HasFatalFailure()) return;
  run_guest({"--memory", "32M"});
  const CommandResult moved = migrate({});
  ASSERT_EQ(moved.exit_code, 0) << moved.text() << a_->log() << b_->log();
  EXPECT_EQ(report()["lanes"].size(), 1u) << report();
  EXPECT_EQ(b_->guest("check", "g").exit_code, 0);
  EXPECT_EQ(a_->leftovers(), "");
}

TEST_F(LanesTest, ALineThatFallsSilentInMidMoveAndComesBack) {
  start_lines("40M,20ms", "40M,20ms");
  if (HasFatalFailure()) return;
  run_guest({"--memory", "96M", "--disk", "16M", "--content", "random",
             "--workload", "mixed:1M"});
  auto moving = std::async(std::launch::async, [this] { return migrate({}); });
  const uint64_t start = carried(1);
  ASSERT_TRUE(eventually([&] { return carried(1) > start + (8u << 20); }));
  // Longer than a lane may be silent.
  ASSERT_TRUE(lines_[1]->set("both loss=100%"));
  std::this_thread::sleep_for(std::chrono::seconds(7));
  EXPECT_NE(moving.wait_for(std::chrono::seconds(0)), std::future_status::ready)
      << "it had moved before";
  ASSERT_TRUE(lines_[1]->set("both loss=0%"));
  const uint64_t cut = carried(1);
  const CommandResult moved = moving.get();
  ASSERT_EQ(moved.exit_code, 0) << moved.text() << a_->log() << b_->log();
  EXPECT_GE(report()["lanes"][1].at("losses"), 1) << report();
  EXPECT_EQ(report()["lanes"][0].at("losses"), 0) << report();
  EXPECT_GT(carried(1), cut + (1u << 20)) << "it was not taken up again";
  EXPECT_EQ(b_->guest("check", "g").exit_code, 0);
  EXPECT_EQ(a_->leftovers(), "");
}

}  // namespace
}  // namespace causeway::integration
