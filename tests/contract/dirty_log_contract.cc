#include "tests/contract/dirty_log_contract.h"

#include <sys/stat.h>

#include <atomic>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace causeway {
namespace {

constexpr uint64_t kFirst = ContractVmm::kFirstDataBlock;

uint64_t allocated_bytes(int fd) {
  struct stat info {};
  EXPECT_EQ(::fstat(fd, &info), 0);
  return static_cast<uint64_t>(info.st_blocks) * 512;
}

// A target: copies of what was owed, when it was owed, and nothing else.
class Replica {
 public:
  explicit Replica(ContractVmm& vmm) : vmm_(vmm) {
    regions_[0].resize(ContractVmm::kRamBlocks * kBlockBytes);
    regions_[1].resize(ContractVmm::kDiskBlocks * kBlockBytes);
  }

  // One round, as the source runs it: re-arm, read, acknowledge.
  void copy_owed(Version version) {
    for (RegionId region = 0; region < 2; ++region) {
      const BitmapView owed = vmm_.log().owed(region);
      uint64_t from = 0;
      while (const auto run = owed.next_run(from, owed.size(), 64)) {
        const BlockRange range{region, run->first, run->count};
        const Status rearmed = vmm_.log().rearm(range);
        ASSERT_TRUE(rearmed) << rearmed.error().message;
        for (uint64_t i = range.first; i < range.end(); ++i) copy(region, i);
        vmm_.log().ack(range, version);
        from = run->end();
      }
    }
  }

  // The first block whose copy is not what it is now.
  std::string difference() const {
    for (RegionId region = 0; region < 2; ++region) {
      const uint64_t first = region == 0 ? kFirst : 0;
      const uint64_t blocks = regions_[region].size() / kBlockBytes;
      for (uint64_t i = first; i < blocks; ++i) {
        if (std::memcmp(&regions_[region][i * kBlockBytes],
                        vmm_.block(region, i).data(), kBlockBytes) != 0) {
          return "region " + std::to_string(region) + " block " +
                 std::to_string(i);
        }
      }
    }
    return "";
  }

 private:
  void copy(RegionId region, uint64_t block) {
    // By words, as the devices write them: both happen at once, on purpose.
    const auto from = vmm_.block(region, block);
    for (size_t at = 0; at < kBlockBytes; at += sizeof(uint64_t)) {
      auto* word =
          reinterpret_cast<uint64_t*>(const_cast<std::byte*>(from.data() + at));
      const uint64_t value =
          std::atomic_ref(*word).load(std::memory_order_relaxed);
      std::memcpy(&regions_[region][block * kBlockBytes + at], &value,
                  sizeof(value));
    }
  }

  ContractVmm& vmm_;
  std::vector<std::byte> regions_[2];
};

}  // namespace

void DirtyLogContract::SetUp() {
  auto vmm = ContractVmm::create(GetParam().make_machine);
  if (!vmm && (vmm.error().code == ErrorCode::kIncompatible ||
               vmm.error().code == ErrorCode::kNotFound ||
               vmm.error().code == ErrorCode::kPermission)) {
    GTEST_SKIP() << vmm.error().message;
  }
  ASSERT_TRUE(vmm) << vmm.error().message;
  vmm_ = std::move(*vmm);
  ASSERT_EQ(vmm_->guest().spec().tracker, GetParam().name);
}

Version DirtyLogContract::collect() {
  const auto version = vmm_->log().collect();
  EXPECT_TRUE(version) << version.error().message;
  return version ? *version : 0;
}

void DirtyLogContract::ack_all(Version version) {
  for (RegionId region = 0; region < 2; ++region) {
    const uint64_t blocks = vmm_->guest().spec().regions[region].blocks();
    const BlockRange all{region, 0, blocks};
    const Status rearmed = vmm_->log().rearm(all);
    ASSERT_TRUE(rearmed) << rearmed.error().message;
    vmm_->log().ack(all, version);
  }
}

void DirtyLogContract::start_and_settle() {
  const Status started = vmm_->log().start();
  ASSERT_TRUE(started) << started.error().message;
  ack_all(1);
  ack_all(collect());
  ack_all(collect());
}

uint64_t DirtyLogContract::owed_data_blocks() {
  return vmm_->log().owed(0).count(kFirst, ContractVmm::kDataBlocks);
}

TEST_P(DirtyLogContract, AllIsOwedFromTheStart) {
  ASSERT_TRUE(vmm_->log().start());
  EXPECT_EQ(vmm_->log().owed(0).count(), ContractVmm::kRamBlocks);
  EXPECT_EQ(vmm_->log().owed(1).count(), ContractVmm::kDiskBlocks);
}

TEST_P(DirtyLogContract, NothingWrittenNothingOwed) {
  start_and_settle();
  collect();
  EXPECT_EQ(owed_data_blocks(), 0u);
  EXPECT_EQ(vmm_->log().owed(1).count(), 0u);
}

TEST_P(DirtyLogContract, EveryVcpusWriteIsOwed) {
  start_and_settle();
  vmm_->write(0, kFirst + 3, 1);
  vmm_->write(1, kFirst + 64, 1);
  collect();
  EXPECT_TRUE(owed(kFirst + 3));
  EXPECT_TRUE(owed(kFirst + 64));
  EXPECT_EQ(owed_data_blocks(), 2u);
}

TEST_P(DirtyLogContract, FirstAndLastBlockOfTheDataAreOwed) {
  start_and_settle();
  vmm_->write(0, kFirst, 1);
  vmm_->write(1, ContractVmm::kRamBlocks - 1, 1);
  collect();
  EXPECT_TRUE(owed(kFirst));
  EXPECT_TRUE(owed(ContractVmm::kRamBlocks - 1));
}

TEST_P(DirtyLogContract, WritesOfManyBlocksAreOwedExactly) {
  start_and_settle();
  for (uint64_t i = 0; i < 3000; ++i) vmm_->write(i % 2, kFirst + 2 * i, i);
  collect();
  for (uint64_t i = 0; i < ContractVmm::kDataBlocks; ++i)
    ASSERT_EQ(owed(kFirst + i), i % 2 == 0 && i < 6000) << i;
}

TEST_P(DirtyLogContract, WhatIsNotAcknowledgedStaysOwed) {
  start_and_settle();
  vmm_->write(0, kFirst + 5, 1);
  collect();
  collect();
  EXPECT_TRUE(owed(kFirst + 5));
}

TEST_P(DirtyLogContract, AWriteAfterRearmIsOwedAgain) {
  start_and_settle();
  for (int time = 1; time <= 4; ++time) {
    vmm_->write(0, kFirst + 9, time);
    const Version version = collect();
    ASSERT_TRUE(owed(kFirst + 9)) << "time " << time;
    const BlockRange range{0, kFirst + 9, 1};
    ASSERT_TRUE(vmm_->log().rearm(range));
    vmm_->log().ack(range, version);
    ASSERT_FALSE(owed(kFirst + 9));
  }
}

TEST_P(DirtyLogContract, AWriteBetweenRearmAndAckIsOwedAgain) {
  start_and_settle();
  vmm_->write(0, kFirst + 9, 1);
  const Version version = collect();
  const BlockRange range{0, kFirst + 9, 1};
  ASSERT_TRUE(vmm_->log().rearm(range));
  // The block has been read here; the write comes before it has landed.
  vmm_->write(0, kFirst + 9, 2);
  vmm_->log().ack(range, version);
  collect();
  EXPECT_TRUE(owed(kFirst + 9));
}

TEST_P(DirtyLogContract, RearmingPartOfARangeArmsThatPart) {
  start_and_settle();
  for (uint64_t i = 0; i < 256; ++i) vmm_->write(0, kFirst + i, 1);
  Version version = collect();
  const BlockRange range{0, kFirst + 100, 10};
  ASSERT_TRUE(vmm_->log().rearm(range));
  vmm_->log().ack(range, version);
  for (uint64_t i = 0; i < 256; ++i) vmm_->write(0, kFirst + i, 2);
  version = collect();
  for (uint64_t i = 0; i < 256; ++i) ASSERT_TRUE(owed(kFirst + i)) << i;
}

TEST_P(DirtyLogContract, AckOfAnOldVersionIsIgnored) {
  start_and_settle();
  vmm_->write(0, kFirst + 1, 1);
  const Version old = collect();
  vmm_->write(0, kFirst + 1, 2);
  const Version latest = collect();
  EXPECT_EQ(latest, old + 1);
  vmm_->log().ack({0, kFirst + 1, 1}, old);
  EXPECT_TRUE(owed(kFirst + 1));
  vmm_->log().ack({0, kFirst + 1, 1}, latest);
  EXPECT_FALSE(owed(kFirst + 1));
}

TEST_P(DirtyLogContract, DeviceWritesAreOwed) {
  start_and_settle();
  vmm_->device_write(0, kFirst + 77, 1);
  vmm_->device_write(1, 200, 1);
  collect();
  EXPECT_TRUE(owed(kFirst + 77));
  EXPECT_EQ(owed_data_blocks(), 1u);
  EXPECT_TRUE(vmm_->log().owed(1).test(200));
  EXPECT_EQ(vmm_->log().owed(1).count(), 1u);
}

TEST_P(DirtyLogContract, CompleteAfterPause) {
  start_and_settle();
  vmm_->write_at_random(1024);
  const uint64_t before = vmm_->random_writes();
  while (vmm_->random_writes() < before + 10'000) std::this_thread::yield();
  ASSERT_TRUE(vmm_->guest().pause());
  collect();
  // Whoever wrote at all has left a random word in its block.
  for (uint64_t i = 0; i < 1024; ++i) {
    uint64_t word = 0;
    std::memcpy(&word, vmm_->block(0, kFirst + i).data() + 8, sizeof(word));
    ASSERT_EQ(owed(kFirst + i), word != 0) << i;
  }
  // And nobody writes any more.
  const uint64_t writes = vmm_->random_writes();
  ack_all(collect());
  ack_all(collect());
  collect();
  EXPECT_EQ(owed_data_blocks(), 0u);
  EXPECT_EQ(vmm_->random_writes(), writes);
  ASSERT_TRUE(vmm_->guest().resume());
  vmm_->write_nothing();
}

TEST_P(DirtyLogContract, PauseAndResumeKeepTracking) {
  start_and_settle();
  ASSERT_TRUE(vmm_->guest().pause());
  ASSERT_TRUE(vmm_->guest().resume());
  vmm_->write(1, kFirst + 8, 1);
  collect();
  EXPECT_TRUE(owed(kFirst + 8));
}

TEST_P(DirtyLogContract, StopAndStartAgain) {
  start_and_settle();
  ASSERT_TRUE(vmm_->log().stop());
  vmm_->write(0, kFirst + 2, 1);
  start_and_settle();
  EXPECT_EQ(owed_data_blocks(), 0u);
  vmm_->write(0, kFirst + 4, 1);
  collect();
  EXPECT_TRUE(owed(kFirst + 4));
  EXPECT_EQ(owed_data_blocks(), 1u);
  ASSERT_TRUE(vmm_->log().stop());
  EXPECT_FALSE(vmm_->log().collect());
}

TEST_P(DirtyLogContract, HolesAreNotFilled) {
  const int fd = vmm_->guest().region_fd(0);
  const uint64_t before = allocated_bytes(fd);
  start_and_settle();
  collect();
  ASSERT_TRUE(vmm_->log().stop());
  // A few pages for what the machine itself keeps in guest memory.
  EXPECT_LE(allocated_bytes(fd), before + 16 * kBlockBytes);
}

// The promise as a whole: copies made of what was owed, and of nothing else,
// are the memory, whoever wrote when.
TEST_P(DirtyLogContract, CopiesOfWhatIsOwedAreTheMemory) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  ASSERT_TRUE(vmm_->log().start());
  vmm_->write_at_random(4096);
  std::atomic<bool> stopping{false};
  std::thread device([this, &stopping, device_seed = random()] {
    std::mt19937 choice(device_seed);
    while (!stopping) {
      vmm_->device_write(1, choice() % ContractVmm::kDiskBlocks, choice());
      vmm_->device_write(0, kFirst + choice() % ContractVmm::kDataBlocks,
                         choice());
      std::this_thread::sleep_for(std::chrono::microseconds(choice() % 50));
    }
  });
  Replica replica(*vmm_);
  Version version = 1;
  for (int round = 0; round < 20; ++round) {
    replica.copy_owed(version);
    version = collect();
  }
  stopping = true;
  device.join();
  EXPECT_TRUE(vmm_->guest().pause());
  replica.copy_owed(version);
  replica.copy_owed(collect());
  EXPECT_EQ(replica.difference(), "");
  EXPECT_GT(vmm_->random_writes(), 0u);
  EXPECT_TRUE(vmm_->guest().resume());
  vmm_->write_nothing();
}

}  // namespace causeway
