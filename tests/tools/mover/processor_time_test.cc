#include "tools/mover/processor_time.h"

#include <gtest/gtest.h>

#include <sstream>

namespace causeway {
namespace {

TEST(ProcessorTimeTest, IdleAndWaitingAreNotBusy) {
  std::istringstream stat("cpu  10 1 20 1000 5 2 3 4 99 99\ncpu0 1 1 1 1\n");
  ProcessorTime time;
  read_host_time(stat, &time);
  EXPECT_EQ(time.host_busy, 10u + 1 + 20 + 2 + 3 + 4);
  EXPECT_EQ(time.host_all, time.host_busy + 1000 + 5);
}

TEST(ProcessorTimeTest, WhatIsNoStatIsNothing) {
  std::istringstream stat("intr 1 2 3");
  ProcessorTime time;
  read_host_time(stat, &time);
  EXPECT_EQ(time.host_all, 0u);
}

TEST(ProcessorTimeTest, AThreadThatComputesIsCounted) {
  const ProcessorTime before = processor_time();
  volatile uint64_t sum = 0;
  ProcessorTime after = before;
  // Until the kernel's clock of this thread has moved.
  while (after.own_thread == before.own_thread) {
    for (int i = 0; i < 1'000'000; ++i) sum = sum + 1;
    after = processor_time();
  }
  EXPECT_GT(after.own_thread, before.own_thread);
  EXPECT_GE(after.host_all, before.host_all);
}

}  // namespace
}  // namespace causeway
