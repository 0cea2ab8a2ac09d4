// Why cw_shim_mark_dirty exists: KVM's own log does not see what the VMM's
// devices write.
#include <gtest/gtest.h>

#include <cstring>

#include "hypervisor-shim/kvm/kvm_machine.h"
#include "hypervisor-shim/lab/guest_abi.h"

namespace causeway::kvm {
namespace {

class NoPorts : public lab::PortCalls {
 public:
  void out(uint32_t, uint16_t, uint32_t) override {}
  bool wake(uint32_t) override { return false; }
};

class NoEvents : public lab::MachineEvents {
 public:
  void guest_died(const std::string& why) override { ADD_FAILURE() << why; }
};

class DeviceWrites : public testing::TestWithParam<lab::TrackerKind> {};

// The guest: xor eax,eax; l: mov [rbx],eax; inc eax; jmp l, where RBX is 0 at
// entry, so it is set first: mov rbx, GUEST_VIRTUAL_BASE + block * 4096.
void write_program(const lab::GuestMemory& memory, uint64_t block) {
  auto* at = memory.at<uint8_t>(GUEST_PROGRAM_GPA);
  const uint64_t address = GUEST_VIRTUAL_BASE + block * GUEST_BLOCK_BYTES;
  const uint8_t load[] = {0x48, 0xbb};
  const uint8_t loop[] = {0x31, 0xc0, 0x89, 0x03, 0xff, 0xc0, 0xeb, 0xfa};
  std::memcpy(at, load, sizeof(load));
  std::memcpy(at + sizeof(load), &address, sizeof(address));
  std::memcpy(at + sizeof(load) + sizeof(address), loop, sizeof(loop));
}

TEST_P(DeviceWrites, AreNotInKvmsLog) {
  constexpr uint64_t kGuestBlock = 2000;
  constexpr uint64_t kDeviceBlock = 3000;
  auto memory = lab::GuestMemory::create("test", 16u << 20, 4096);
  ASSERT_TRUE(memory);
  NoPorts ports;
  NoEvents events;
  lab::GuestOptions options;
  options.tracker = GetParam();
  auto machine = KvmMachine::create(options, *memory, ports, events);
  if (!machine) GTEST_SKIP() << machine.error().message;
  write_program(*memory, kGuestBlock);
  ASSERT_TRUE((*machine)->start(true));
  ASSERT_TRUE((*machine)->dirty_start());
  const uint64_t blocks = memory->bytes() / GUEST_BLOCK_BYTES;
  Bitmap settled(blocks);
  ASSERT_TRUE((*machine)->dirty_collect(settled.view()));
  ASSERT_TRUE((*machine)->dirty_rearm(0, blocks));

  // Both write; the guest until its write is seen in memory.
  auto* const word = memory->at<uint32_t>(kGuestBlock * GUEST_BLOCK_BYTES);
  const uint32_t before = __atomic_load_n(word, __ATOMIC_RELAXED);
  while (__atomic_load_n(word, __ATOMIC_RELAXED) == before) {
  }
  *memory->at<uint32_t>(kDeviceBlock * GUEST_BLOCK_BYTES) = 1;
  ASSERT_TRUE((*machine)->pause());
  Bitmap seen(blocks);
  ASSERT_TRUE((*machine)->dirty_collect(seen.view()));
  EXPECT_TRUE(seen.view().test(kGuestBlock));
  EXPECT_FALSE(seen.view().test(kDeviceBlock));
  (*machine)->stop();
}

INSTANTIATE_TEST_SUITE_P(
    Kvm, DeviceWrites,
    testing::Values(lab::TrackerKind::kBitmap, lab::TrackerKind::kRing),
    [](const auto& suite) {
      return std::string(suite.param == lab::TrackerKind::kRing ? "ring"
                                                                : "bitmap");
    });

}  // namespace
}  // namespace causeway::kvm
