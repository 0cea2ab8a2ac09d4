#include "engine/runtime/worker_thread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "engine/base/notifier.h"
#include "engine/base/spsc_ring.h"
#include "engine/runtime/clock.h"

namespace causeway {
namespace {

using std::chrono::milliseconds;

// Counts its steps; what it wants is set from outside.
class CountingStepper final : public Stepper {
 public:
  Instant step(Instant now) override {
    input.drain();
    now_seen = now;
    ++steps;
    stepped.notify();
    if (busy_steps > 0 && --busy_steps > 0) return now;
    return wake_at;
  }
  void wait_on(WaitSet& set) const override { set.add(input.fd(), POLLIN); }
  bool done() const override { return steps >= steps_max; }

  Notifier input;    // an fd that it sleeps on
  Notifier stepped;  // tells the test
  std::atomic<int> steps{0};
  int busy_steps = 0;
  int steps_max = INT32_MAX;
  Instant wake_at = kNever;
  Instant now_seen{};
};

void await(const Notifier& notifier) {
  pollfd waiting{notifier.fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 20'000), 1) << "the worker never stepped";
  notifier.drain();
}

TEST(Driver, StepsUntilNothingIsLeftToDo) {
  CountingStepper busy;
  busy.busy_steps = 100;
  busy.steps_max = 100;
  Driver driver;
  driver.add(busy);
  driver.run();
  EXPECT_EQ(busy.steps, 100);
}

TEST(Driver, WakesAtTheTimeThatWasAskedForAndNotBefore) {
  CountingStepper timed;
  timed.wake_at = monotonic_now() + milliseconds(20);
  timed.steps_max = 2;
  Driver driver;
  driver.add(timed);
  driver.run();
  EXPECT_GE(timed.now_seen, timed.wake_at);
}

TEST(Driver, EndsWithTheLastStepperNamed) {
  CountingStepper endless;
  CountingStepper last;
  last.busy_steps = 5;
  last.steps_max = 5;
  endless.busy_steps = INT32_MAX;
  Driver driver;
  driver.add(endless);
  driver.add(last);
  driver.run(&last);
  EXPECT_EQ(last.steps, 5);
  EXPECT_FALSE(endless.done());
}

TEST(Driver, DoneSteppersAreLeftAlone) {
  CountingStepper done;
  CountingStepper busy;
  done.steps_max = 1;
  busy.busy_steps = 10;
  busy.steps_max = 10;
  Driver driver;
  driver.add(done);
  driver.add(busy);
  driver.run();
  EXPECT_EQ(done.steps, 1);
}

class WorkerThreadTest : public testing::Test {
 protected:
  std::unique_ptr<WorkerThread> start(CountingStepper& stepper) {
    const std::array<Stepper*, 1> steppers{&stepper};
    return WorkerThread::start("cw-test", topology_, pus_, steppers).value();
  }

  Topology topology_ = Topology::of_this_host().value();
  PuSet pus_ = topology_.nodes().front().all_pus();
};

TEST_F(WorkerThreadTest, IdleWorkerDoesNotWakeUp) {
  CountingStepper idle;
  auto worker = start(idle);
  await(idle.stepped);
  // Nothing asks for it, so however long this is no step may come.
  pollfd waiting{idle.stepped.fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&waiting, 1, 100), 0);
  EXPECT_EQ(idle.steps, 1);
  worker->stop();
  worker->join();
}

TEST_F(WorkerThreadTest, FdWakesItOnce) {
  CountingStepper idle;
  auto worker = start(idle);
  await(idle.stepped);
  idle.input.notify();
  await(idle.stepped);
  EXPECT_EQ(idle.steps, 2);
}

TEST_F(WorkerThreadTest, EndsByItselfWhenAllIsDone) {
  CountingStepper stepper;
  stepper.steps_max = 1;
  auto worker = start(stepper);
  worker->join();
  EXPECT_EQ(stepper.steps, 1);
  EXPECT_GT(worker->cpu_time(), Duration(0));
}

TEST_F(WorkerThreadTest, StopEndsABusyWorker) {
  CountingStepper busy;
  busy.busy_steps = INT32_MAX;
  auto worker = start(busy);
  await(busy.stepped);
  worker->stop();
  worker->join();
  EXPECT_GE(busy.steps, 1);
}

TEST_F(WorkerThreadTest, RunsUnderItsNameOnItsProcessors) {
  class Introspective final : public Stepper {
   public:
    Instant step(Instant) override {
      std::array<char, 16> buffer;
      ::pthread_getname_np(::pthread_self(), buffer.data(), buffer.size());
      name = buffer.data();
      ::sched_getaffinity(0, sizeof mask, &mask);
      seen = true;
      return kNever;
    }
    void wait_on(WaitSet&) const override {}
    bool done() const override { return seen; }
    std::string name;
    cpu_set_t mask{};
    bool seen = false;
  };
  Introspective stepper;
  const std::array<Stepper*, 1> steppers{&stepper};
  const PuSet one{pus_.back()};
  auto worker =
      WorkerThread::start("cw-out-3", topology_, one, steppers).value();
  worker->join();
  EXPECT_EQ(stepper.name, "cw-out-3");
  EXPECT_EQ(CPU_COUNT(&stepper.mask), 1);
  EXPECT_TRUE(CPU_ISSET(one[0], &stepper.mask));
}

TEST_F(WorkerThreadTest, BindingThatFailsStartsNothing) {
  CountingStepper stepper;
  const std::array<Stepper*, 1> steppers{&stepper};
  auto worker = WorkerThread::start("cw-test", topology_, {100'000}, steppers);
  ASSERT_FALSE(worker);
  EXPECT_THAT(worker.error().message, testing::HasSubstr("100000"));
  EXPECT_EQ(stepper.steps, 0);
}

// Two workers hand 100,000 numbers on through a ring, waking each other.
TEST_F(WorkerThreadTest, WorkersWakeEachOtherAndLoseNothing) {
  using Ring = SpscRing<int, 64>;
  static constexpr int kItems = 100'000;
  struct Producer final : Stepper {
    Instant step(Instant) override {
      room.drain();
      while (next < kItems && ring->push(next)) ++next;
      consumer->notify();
      return kNever;
    }
    void wait_on(WaitSet& set) const override { set.add(room.fd(), POLLIN); }
    bool done() const override { return next == kItems; }
    Ring* ring = nullptr;
    const Notifier* consumer = nullptr;
    Notifier room;
    int next = 0;
  };
  struct Consumer final : Stepper {
    Instant step(Instant) override {
      items.drain();
      while (const auto item = ring->pop()) in_order &= *item == taken++;
      producer->notify();
      return kNever;
    }
    void wait_on(WaitSet& set) const override { set.add(items.fd(), POLLIN); }
    bool done() const override { return taken == kItems; }
    Ring* ring = nullptr;
    const Notifier* producer = nullptr;
    Notifier items;
    int taken = 0;
    bool in_order = true;
  };
  Ring ring;
  Producer producer;
  Consumer consumer;
  producer.ring = consumer.ring = &ring;
  producer.consumer = &consumer.items;
  consumer.producer = &producer.room;
  const std::array<Stepper*, 1> first{&producer};
  const std::array<Stepper*, 1> second{&consumer};
  auto a = WorkerThread::start("cw-a", topology_, pus_, first).value();
  auto b = WorkerThread::start("cw-b", topology_, pus_, second).value();
  a->join();
  b->join();
  EXPECT_EQ(consumer.taken, kItems);
  EXPECT_TRUE(consumer.in_order);
}

}  // namespace
}  // namespace causeway
