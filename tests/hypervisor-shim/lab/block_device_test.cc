#include "hypervisor-shim/lab/block_device.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "hypervisor-shim/lab/state_sections.h"

namespace causeway::lab {
namespace {

using testing::HasSubstr;

constexpr uint64_t kMemoryBytes = 16u << 20;
constexpr uint64_t kDiskBytes = 4u << 20;

// What was reported, and what a guest that looks at that moment would see.
class Recorder : public DeviceWrites {
 public:
  void wrote(uint32_t region, uint64_t offset, uint64_t bytes) override {
    std::lock_guard lock(mutex_);
    for (uint64_t at = offset / 4096; at <= (offset + bytes - 1) / 4096; ++at) {
      blocks_.insert({region, at});
    }
  }
  bool has(uint32_t region, uint64_t block) {
    std::lock_guard lock(mutex_);
    return blocks_.count({region, block}) != 0;
  }

 private:
  std::mutex mutex_;
  std::set<std::pair<uint32_t, uint64_t>> blocks_;
};

class BlockDeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    char directory[] = "/tmp/causeway-disk-XXXXXX";
    ASSERT_NE(::mkdtemp(directory), nullptr);
    directory_ = directory;
    path_ = directory_ + "/disk";
    UniqueFd file(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_TRUE(file);
    ASSERT_EQ(::ftruncate(file.get(), kDiskBytes), 0);
    auto memory = GuestMemory::create("test", kMemoryBytes, 4096);
    ASSERT_TRUE(memory) << memory.error().message;
    memory_.emplace(std::move(*memory));
    open(O_RDWR);
  }

  void TearDown() override {
    device_.reset();
    std::filesystem::remove_all(directory_);
  }

  void open(int flags) {
    device_.reset();
    DiskFile disk;
    disk.fd.reset(::open(path_.c_str(), flags | O_CLOEXEC));
    disk.bytes = kDiskBytes;
    auto device = BlockDevice::create(*memory_, std::move(disk), writes_,
                                      [](uint32_t) {});
    ASSERT_TRUE(device) << device.error().message;
    device_ = std::move(*device);
  }

  GuestDiskRequest request(uint32_t operation, uint64_t block, uint32_t blocks,
                           uint32_t slot = 0) {
    return {operation, blocks, block,
            GUEST_DISK_BUFFERS_GPA + slot * GUEST_DISK_SLOT_BYTES, ++id_};
  }

  // Does the request and returns the errno that the guest sees.
  uint32_t run(const GuestDiskRequest& request, uint32_t slot = 0) {
    put(request, slot);
    device_->submit(0, 1u << slot);
    while (!done(request, slot)) ::usleep(100);
    return completion(slot)->errno_value;
  }

  void put(const GuestDiskRequest& request, uint32_t slot) {
    memory_->at<GuestDiskRequest>(GUEST_CPU_GPA +
                                  GUEST_CPU_REQUESTS_OFFSET)[slot] = request;
  }
  GuestDiskCompletion* completion(uint32_t slot) {
    return memory_->at<GuestDiskCompletion>(GUEST_CPU_GPA +
                                            GUEST_CPU_COMPLETIONS_OFFSET) +
           slot;
  }
  bool done(const GuestDiskRequest& request, uint32_t slot) {
    return __atomic_load_n(&completion(slot)->id, __ATOMIC_ACQUIRE) ==
           request.id;
  }
  std::byte* buffer(uint32_t slot = 0) {
    return memory_->data() + GUEST_DISK_BUFFERS_GPA +
           slot * GUEST_DISK_SLOT_BYTES;
  }

  std::string directory_;
  std::string path_;
  std::optional<GuestMemory> memory_;
  Recorder writes_;
  std::unique_ptr<BlockDevice> device_;
  uint64_t id_ = 0;
};

TEST_F(BlockDeviceTest, ReadsBackWhatItWrote) {
  std::memset(buffer(), 0x5a, 8192);
  EXPECT_EQ(run(request(GUEST_DISK_WRITE, 7, 2)), 0u);
  EXPECT_EQ(run(request(GUEST_DISK_FLUSH, 0, 0)), 0u);
  EXPECT_EQ(run(request(GUEST_DISK_READ, 8, 1, 1), 1), 0u);
  EXPECT_EQ(buffer(1)[0], std::byte{0x5a});
  EXPECT_EQ(buffer(1)[4095], std::byte{0x5a});
  EXPECT_EQ(run(request(GUEST_DISK_READ, 9, 1, 1), 1), 0u);
  EXPECT_EQ(buffer(1)[0], std::byte{0});
}

TEST_F(BlockDeviceTest, ReportsEveryWriteOfItsOwn) {
  const uint64_t completions =
      (GUEST_CPU_GPA + GUEST_CPU_COMPLETIONS_OFFSET) / 4096;
  EXPECT_EQ(run(request(GUEST_DISK_WRITE, 7, 2)), 0u);
  EXPECT_TRUE(writes_.has(kDiskRegion, 7));
  EXPECT_TRUE(writes_.has(kDiskRegion, 8));
  EXPECT_FALSE(writes_.has(kDiskRegion, 9));
  const uint64_t buffer_block = GUEST_DISK_BUFFERS_GPA / 4096;
  EXPECT_FALSE(writes_.has(kRamRegion, buffer_block));
  EXPECT_EQ(run(request(GUEST_DISK_READ, 7, 2)), 0u);
  device_->pause();  // a report precedes the end of the request
  EXPECT_TRUE(writes_.has(kRamRegion, buffer_block));
  EXPECT_TRUE(writes_.has(kRamRegion, buffer_block + 1));
  EXPECT_TRUE(writes_.has(kRamRegion, completions));
}

TEST_F(BlockDeviceTest, RequestsOfAGuestThatLiesAreRefused) {
  EXPECT_EQ(run(request(9, 0, 1)), EINVAL);
  EXPECT_EQ(run(request(GUEST_DISK_READ, 0, 0)), EINVAL);
  EXPECT_EQ(run(request(GUEST_DISK_READ, 0, 17)), EINVAL);
  EXPECT_EQ(run(request(GUEST_DISK_READ, 1023, 2)), EINVAL);
  EXPECT_EQ(run(request(GUEST_DISK_READ, UINT64_MAX, 1)), EINVAL);
  auto outside = request(GUEST_DISK_READ, 0, 1);
  outside.buffer_gpa = kMemoryBytes - 4095;
  EXPECT_EQ(run(outside), EINVAL);
  outside.id = ++id_;
  outside.buffer_gpa = UINT64_MAX;
  EXPECT_EQ(run(outside), EINVAL);
  EXPECT_EQ(device_->errors().count, 0u);
}

TEST_F(BlockDeviceTest, AnErrorOfTheDiskReachesGuestAndStatus) {
  open(O_RDONLY);
  EXPECT_EQ(run(request(GUEST_DISK_WRITE, 7, 2)), EBADF);
  EXPECT_EQ(device_->errors().count, 1u);
  EXPECT_THAT(device_->errors().last,
              HasSubstr("failed to write 2 blocks from block 7 on"));
  ASSERT_EQ(::truncate(path_.c_str(), 4096), 0);
  EXPECT_EQ(run(request(GUEST_DISK_READ, 5, 1)), EIO);
  EXPECT_THAT(device_->errors().last, HasSubstr("it ended early"));
}

TEST_F(BlockDeviceTest, NothingIsInFlightAfterPause) {
  for (int round = 0; round < 50; ++round) {
    std::vector<GuestDiskRequest> requests;
    for (uint32_t slot = 0; slot < GUEST_DISK_SLOTS; ++slot) {
      requests.push_back(request(GUEST_DISK_WRITE, slot * 16, 16, slot));
      put(requests.back(), slot);
    }
    device_->submit(0, (1u << GUEST_DISK_SLOTS) - 1);
    device_->pause();
    for (uint32_t slot = 0; slot < GUEST_DISK_SLOTS; ++slot) {
      EXPECT_TRUE(done(requests[slot], slot));
    }
    device_->resume();
  }
}

// A flush that was under way moves with the guest and is done at the target.
TEST_F(BlockDeviceTest, AHeldFlushIsDoneAfterTheMove) {
  StateWriter out;
  struct {
    uint32_t vcpu = 2, slot = 3;
    uint64_t id = 77;
  } flush;
  out.add_struct(kSectionHeldFlushes, 0, flush);
  const auto blob = out.finish();
  const auto reader = StateReader::parse(blob);
  ASSERT_TRUE(reader);
  ASSERT_TRUE(device_->load(*reader));
  auto* const completions = memory_->at<GuestDiskCompletion>(
      GUEST_CPU_GPA + 2 * GUEST_CPU_AREA_BYTES + GUEST_CPU_COMPLETIONS_OFFSET);
  EXPECT_EQ(completions[3].id, 0u);
  device_->resume();
  while (__atomic_load_n(&completions[3].id, __ATOMIC_ACQUIRE) != 77) {
    ::usleep(100);
  }
  EXPECT_EQ(completions[3].errno_value, 0u);
}

TEST_F(BlockDeviceTest, HeldFlushesOfAnotherWorldAreRefused) {
  StateWriter out;
  struct {
    uint32_t vcpu = 4, slot = 3;
    uint64_t id = 77;
  } flush;
  out.add_struct(kSectionHeldFlushes, 0, flush);
  const auto blob = out.finish();
  const auto reader = StateReader::parse(blob);
  ASSERT_TRUE(reader);
  EXPECT_FALSE(device_->load(*reader));
}

TEST_F(BlockDeviceTest, OpenDiskSaysWhatIsWrong) {
  const auto missing = open_disk(directory_ + "/nowhere", 0);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr(directory_ + "/nowhere"));
  const auto small = open_disk(path_, 2 * kDiskBytes);
  ASSERT_FALSE(small);
  EXPECT_EQ(small.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(small.error().message,
              HasSubstr("it has 4194304 bytes, the guest's disk 8388608"));
  const auto folder = open_disk(directory_, 0);
  ASSERT_FALSE(folder);
  const auto device = open_disk("/dev/null", 0);
  ASSERT_FALSE(device);
  EXPECT_THAT(device.error().message,
              HasSubstr("neither a file nor a block device"));
  ASSERT_EQ(::truncate(path_.c_str(), kDiskBytes + 1), 0);
  EXPECT_FALSE(open_disk(path_, 0));
  EXPECT_TRUE(open_disk(path_, kDiskBytes));
}

}  // namespace
}  // namespace causeway::lab
