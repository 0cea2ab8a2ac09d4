// Lanes of a wan path that die and heal, over kernel sockets.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "engine/runtime/clock.h"
#include "tests/dpdk-wan/lanes_lab.h"

namespace causeway {
namespace {

constexpr Duration kHealMax = std::chrono::seconds(30);

class LanesHeal : public testing::Test {
 protected:
  // Posts and takes for so long; what landed meanwhile.
  size_t work_until(const std::function<bool()>& enough) {
    const size_t before = sink_.landed.size();
    const Instant deadline = monotonic_now() + kHealMax;
    const std::vector<std::byte> payload(kPutBytesMax);
    const Put put{
        {PutKind::kRaw, 0, 1, 0, kPutBytesMax / kBlockBytes, kPutBytesMax},
        payload};
    while (!enough() && monotonic_now() < deadline) {
      auto posted = sender_->post(std::span(&put, 1));
      EXPECT_TRUE(posted) << posted.error().message;
      auto progress = sender_->poll(monotonic_now());
      EXPECT_TRUE(progress) << progress.error().message;
      auto moved = receiver_->poll(monotonic_now());
      EXPECT_TRUE(moved) << moved.error().message;
      if (HasFailure()) return 0;
      WaitSet set;
      const Instant due =
          std::min({sender_->wait_on(set), receiver_->wait_on(set),
                    monotonic_now() + std::chrono::milliseconds(5)});
      if (*posted == 0 && !*moved) lab_.wait(set, due);
    }
    EXPECT_TRUE(enough());
    return sink_.landed.size() - before;
  }
  size_t work_for(Duration time) {
    const Instant end = monotonic_now() + time;
    return work_until([&] { return monotonic_now() >= end; });
  }

  // Slow enough that a test of seconds stays small; a lane is lost after 2 s
  // of silence, which is more than the relays have in their queues.
  LanesLab lab_{2, {1, false}, {0, 10'000'000, 0, 1}, std::chrono::seconds(8)};
  MemorySink sink_{16u << 20};
  std::unique_ptr<BulkChannel> sender_ = lab_.outbound().open_bulk(0).value();
  std::unique_ptr<BulkReceiver> receiver_ =
      lab_.inbound().accept_bulk(0, sink_).value();
};

TEST_F(LanesHeal, LaneThatDiesIsTakenUpAgainWhenItHeals) {
  ASSERT_TRUE(lab_.await_up(2));
  EXPECT_GT(work_for(std::chrono::seconds(1)), 0u);
  lab_.relay(1).cut();
  work_until([&] { return lab_.report()[1].losses == 1; });
  EXPECT_GT(work_for(std::chrono::seconds(1)), 0u) << "the other goes on";
  const uint64_t forwarded = lab_.relay(1).forwarded();
  lab_.relay(1).mend();
  work_until([&] { return lab_.report()[1].is_up; });
  work_until([&] { return lab_.relay(1).forwarded() > forwarded + 500; });
  EXPECT_EQ(lab_.report()[0].losses, 0u);
}

TEST_F(LanesHeal, AllLanesDeadForLessThanThePatienceAreSurvived) {
  ASSERT_TRUE(lab_.await_up(2));
  EXPECT_GT(work_for(std::chrono::milliseconds(300)), 0u);
  lab_.cut();
  work_until([&] {
    const auto report = lab_.report();
    return report[0].losses == 1 && report[1].losses == 1;
  });
  lab_.relay(0).mend();
  lab_.relay(1).mend();
  work_until([&] { return lab_.report()[0].is_up || lab_.report()[1].is_up; });
  EXPECT_GT(work_for(std::chrono::seconds(1)), 0u);
}

}  // namespace
}  // namespace causeway
