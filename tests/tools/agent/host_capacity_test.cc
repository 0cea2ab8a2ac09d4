#include "tools/agent/host_capacity.h"

#include <gtest/gtest.h>

namespace causeway {
namespace {

constexpr uint64_t kMiB = 1ull << 20;

TEST(HostCapacity, ReadsThisHost) {
  const auto memory = read_host_memory();
  ASSERT_TRUE(memory);
  EXPECT_GT(memory->available_bytes, kMiB);
}

TEST(HostCapacity, WhatIsStillArrivingIsNotFree) {
  MemoryDemand demand;
  demand.need_bytes = 600 * kMiB;
  const HostMemory host = {1000 * kMiB, 0};
  EXPECT_TRUE(check_memory(demand, host));
  demand.coming_bytes = 500 * kMiB;
  const Status status = check_memory(demand, host);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kNoSpace);
  EXPECT_EQ(status.error().message,
            "short of memory: the guest needs 600M, the host has 500M free");
  demand.coming_bytes = 2000 * kMiB;
  EXPECT_FALSE(check_memory(demand, host));
}

TEST(HostCapacity, HugePagesAreCountedApart) {
  MemoryDemand demand;
  demand.need_bytes = 4 * kMiB;
  demand.page_bytes = 2 * kMiB;
  EXPECT_TRUE(check_memory(demand, {0, 4 * kMiB}));
  const Status status = check_memory(demand, {1000 * kMiB, 2 * kMiB});
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("2M free in 2 MiB pages"),
            std::string::npos);
}

TEST(HostCapacity, TheOperatorsLimit) {
  MemoryDemand demand;
  demand.need_bytes = 60 * kMiB;
  demand.limit_bytes = 100 * kMiB;
  demand.used_bytes = 40 * kMiB;
  EXPECT_TRUE(check_memory(demand, {1000 * kMiB, 0}));
  demand.used_bytes = 41 * kMiB;
  const Status status = check_memory(demand, {1000 * kMiB, 0});
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("59M of the 100M"), std::string::npos);
}

TEST(HostCapacity, DiskSpace) {
  EXPECT_TRUE(check_disk_space("/tmp", 4096, 0));
  const Status status = check_disk_space("/tmp", 1ull << 60, 0);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kNoSpace);
  EXPECT_FALSE(check_disk_space("/tmp", 4096, 1ull << 62));
  EXPECT_FALSE(check_disk_space("/nowhere", 1, 0));
}

}  // namespace
}  // namespace causeway
