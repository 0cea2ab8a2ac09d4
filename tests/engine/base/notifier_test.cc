#include "engine/base/notifier.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <thread>

namespace causeway {
namespace {

bool readable(const Notifier& notifier) {
  pollfd waiting{notifier.fd(), POLLIN, 0};
  return ::poll(&waiting, 1, 0) == 1;
}

TEST(Notifier, WakesUntilDrained) {
  Notifier notifier;
  EXPECT_FALSE(readable(notifier));
  notifier.notify();
  notifier.notify();
  EXPECT_TRUE(readable(notifier));
  notifier.drain();
  EXPECT_FALSE(readable(notifier));
  notifier.drain();
  notifier.notify();
  EXPECT_TRUE(readable(notifier));
}

// A sleeper that drains, looks and sleeps sees everything that was left, and
// ends with an fd that is quiet.
TEST(Notifier, LosesNoWakeUpBetweenThreads) {
  constexpr int kLeft = 20'000;
  Notifier notifier;
  std::atomic<int> left{0};
  std::thread giver([&] {
    for (int i = 1; i <= kLeft; ++i) {
      left.store(i, std::memory_order_release);
      notifier.notify();
    }
  });
  int seen = 0;
  while (seen < kLeft) {
    notifier.drain();
    const int now = left.load(std::memory_order_acquire);
    ASSERT_GE(now, seen);
    if (now == seen) {
      pollfd waiting{notifier.fd(), POLLIN, 0};
      ASSERT_EQ(::poll(&waiting, 1, 10'000), 1) << "a wake-up was lost";
    }
    seen = now;
  }
  giver.join();
  notifier.drain();
  EXPECT_FALSE(readable(notifier));
}

}  // namespace
}  // namespace causeway
