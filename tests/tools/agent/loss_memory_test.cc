#include "tools/agent/loss_memory.h"

#include <gtest/gtest.h>

#include "tools/agent/limits.h"

namespace causeway {
namespace {

using std::chrono::seconds;

TEST(LossMemory, SaysWhatWasMeasuredLast) {
  LossMemory memory;
  const Instant now{seconds(100)};
  EXPECT_EQ(memory.recall("b:1", now), std::nullopt);
  memory.remember("b:1", {0.05, kLossPacketsMin}, now);
  memory.remember("c:1", {0.0, kLossPacketsMin}, now);
  EXPECT_EQ(memory.recall("b:1", now), 0.05);
  memory.remember("b:1", {0.01, kLossPacketsMin}, now + seconds(1));
  EXPECT_EQ(memory.recall("b:1", now + seconds(2)), 0.01);
  EXPECT_EQ(memory.recall("c:1", now + seconds(2)), 0.0);
}

TEST(LossMemory, ForgetsWhatIsOldAndWhatIsTooMuch) {
  LossMemory memory;
  const Instant now{seconds(100)};
  memory.remember("b:1", {0.05, kLossPacketsMin}, now);
  EXPECT_EQ(memory.recall("b:1", now + kLossAgeMax), 0.05);
  EXPECT_EQ(memory.recall("b:1", now + kLossAgeMax + seconds(1)), std::nullopt);
  for (size_t i = 0; i < kLossesKeptMax; ++i) {
    memory.remember(std::to_string(i), {0.5, kLossPacketsMin},
                    now + seconds(1));
  }
  EXPECT_EQ(memory.recall("b:1", now + seconds(1)), std::nullopt);
  EXPECT_EQ(memory.recall("0", now + seconds(1)), 0.5);
}

TEST(LossMemory, BelievesOnlyWhatWasMeasuredByEnough) {
  LossMemory memory;
  const Instant now{seconds(100)};
  memory.remember("b:1", {0.5, kLossPacketsMin - 1}, now);
  EXPECT_EQ(memory.recall("b:1", now), std::nullopt);
  memory.remember("b:1", {0.01, kLossPacketsMin}, now);
  memory.remember("b:1", {0.5, 2}, now);
  EXPECT_EQ(memory.recall("b:1", now), 0.01);
}

}  // namespace
}  // namespace causeway
