// Shares and bursts, over enough frames that chance cannot fail the test:
// bounds are five standard deviations and more.
#include "tools/wan-emulator/loss_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tools/wan-emulator/link_spec.h"

namespace causeway {
namespace {

constexpr int kFrames = 1'000'000;

struct Seen {
  double share = 0;
  double mean_burst = 0;  // frames
};

Seen look(LossModel* model) {
  int lost = 0;
  int bursts = 0;
  bool before = false;
  for (int i = 0; i < kFrames; ++i) {
    const bool loses = model->loses_next();
    lost += loses ? 1 : 0;
    bursts += loses && !before ? 1 : 0;
    before = loses;
  }
  return {static_cast<double>(lost) / kFrames,
          bursts == 0 ? 0 : static_cast<double>(lost) / bursts};
}

LossSettings loss_of(const char* text) {
  const auto settings = parse_link_settings(text, {});
  EXPECT_TRUE(settings) << settings.error().message;
  return settings->loss;
}

class LossModelTest : public ::testing::Test {
 protected:
  LossModelTest() : seed_(std::random_device{}()), model_(seed_) {}
  void SetUp() override { std::printf("seed %llu\n", seed_); }

  unsigned long long seed_;
  LossModel model_;
};

TEST_F(LossModelTest, NoneAndAll) {
  EXPECT_EQ(look(&model_).share, 0);
  model_.set(loss_of("loss=100%"));
  EXPECT_EQ(look(&model_).share, 1);
}

TEST_F(LossModelTest, IndependentLossesHaveTheirShareAndComeAlone) {
  model_.set(loss_of("loss=1%"));
  const Seen seen = look(&model_);
  // sqrt(p (1 - p) / n) = 0.0001; a burst of independent losses: 1 / (1 - p).
  EXPECT_NEAR(seen.share, 0.01, 0.0006);
  EXPECT_NEAR(seen.mean_burst, 1 / 0.99, 0.02);
}

TEST_F(LossModelTest, BurstsHaveTheirShareAndTheirLength) {
  model_.set(loss_of("loss=1%,burst=5"));
  const Seen seen = look(&model_);
  // Some 2000 bursts of 5 +- 4.5 frames: 2 % of either for one deviation.
  EXPECT_NEAR(seen.share, 0.01, 0.002);
  EXPECT_NEAR(seen.mean_burst, 5, 0.7);
}

TEST_F(LossModelTest, TheWholeModelLosesInBothStates) {
  const LossSettings loss = loss_of("gilbert=1%/10%/50%/0.5%");
  // In the bad state for 1 of 11 frames.
  EXPECT_NEAR(mean_loss(loss), 0.5 / 11 + 0.005 * 10 / 11, 1e-12);
  model_.set(loss);
  EXPECT_NEAR(look(&model_).share, mean_loss(loss), 0.003);
}

TEST_F(LossModelTest, ABurstEndsWithTheModelThatMadeIt) {
  model_.set(loss_of("gilbert=100%/0%"));
  EXPECT_TRUE(model_.loses_next());
  model_.set(loss_of("loss=0%"));
  EXPECT_EQ(look(&model_).share, 0);
}

TEST_F(LossModelTest, TheSameSeedLosesTheSameFrames) {
  LossModel other(seed_);
  model_.set(loss_of("loss=10%,burst=3"));
  other.set(loss_of("loss=10%,burst=3"));
  for (int i = 0; i < 10000; ++i) {
    ASSERT_EQ(model_.loses_next(), other.loses_next());
  }
}

}  // namespace
}  // namespace causeway
