// The shim inside a VMM, asked by the real client: calls, errors, refusals,
// and what happens to the guest when its mover goes away.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <thread>

#include "hypervisor-shim/client/shim_guest.h"
#include "hypervisor-shim/protocol/seqpacket.h"
#include "tests/hypervisor-shim/embed/fake_vmm.h"

extern "C" int cw_c_abi_refuses_incomplete_ops(void);

namespace causeway {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

std::unique_ptr<ShimGuest> connect(const FakeVmm& vmm) {
  auto guest = ShimGuest::connect(vmm.socket_path());
  if (!guest) {
    ADD_FAILURE() << guest.error().message;
    return nullptr;
  }
  return std::move(guest).value();
}

// The service thread works on its own; give it as long as a loaded machine
// may need.
bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 5000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return false;
}

TEST(ShimServiceTest, HelloDescribesTheGuest) {
  FakeVmm vmm("alpha");
  const auto guest = connect(vmm);
  ASSERT_NE(guest, nullptr);
  const GuestSpec& spec = guest->spec();
  EXPECT_EQ(spec.name, "alpha");
  EXPECT_EQ(spec.hypervisor, "fake");
  EXPECT_EQ(spec.tracker, "fake");
  EXPECT_EQ(spec.vcpus, 2u);
  EXPECT_EQ(spec.features.size(), 3u);
  ASSERT_EQ(spec.regions.size(), 2u);
  EXPECT_EQ(spec.regions[0].name, "ram0");
  EXPECT_EQ(spec.regions[0].kind, RegionKind::kRam);
  EXPECT_EQ(spec.regions[1].name, "disk0");
  EXPECT_EQ(spec.regions[1].kind, RegionKind::kDisk);
  EXPECT_EQ(spec.regions[1].blocks(), FakeVmm::kDiskBlocks);
  EXPECT_GE(guest->region_fd(0), 0);
}

TEST(ShimServiceTest, RamIsSealedAgainstShrinking) {
  FakeVmm vmm;
  const auto guest = connect(vmm);
  ASSERT_NE(guest, nullptr);
  EXPECT_NE(::ftruncate(guest->region_fd(0), 0), 0);
  EXPECT_EQ(errno, EPERM);
}

TEST(ShimServiceTest, SocketIsForItsOwnerAlone) {
  FakeVmm vmm;
  struct stat info {};
  ASSERT_EQ(::stat(vmm.socket_path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST(ShimServiceTest, SocketGoesWithTheShim) {
  std::string path;
  {
    FakeVmm vmm;
    path = vmm.socket_path();
    EXPECT_EQ(::access(path.c_str(), F_OK), 0);
  }
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST(ShimServiceTest, SecondMoverIsRefusedUntilTheFirstGoes) {
  FakeVmm vmm;
  auto first = connect(vmm);
  ASSERT_NE(first, nullptr);
  const auto second = ShimGuest::connect(vmm.socket_path());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
  EXPECT_THAT(second.error().message, HasSubstr("another mover"));
  first.reset();
  EXPECT_NE(connect(vmm), nullptr);
}

TEST(ShimServiceTest, StateGoesBothWays) {
  FakeVmm vmm;
  vmm.state.assign(3'000'000, 'x');
  const auto guest = connect(vmm);
  ASSERT_NE(guest, nullptr);
  ASSERT_TRUE(guest->pause());
  const auto state = guest->save_state();
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->size(), vmm.state.size());
  ASSERT_TRUE(guest->load_state(*state));
  EXPECT_EQ(vmm.loaded, vmm.state);
}

TEST(ShimServiceTest, StateBeyondTheLimitIsAnError) {
  FakeVmm vmm;
  vmm.state.assign(kStateBytesMax + 1, 'x');
  const auto guest = connect(vmm);
  ASSERT_NE(guest, nullptr);
  ASSERT_TRUE(guest->pause());
  EXPECT_FALSE(guest->save_state());
  // The connection is as good as before.
  EXPECT_TRUE(guest->resume());
}

TEST(ShimServiceTest, StateOfARunningGuestIsRefused) {
  FakeVmm vmm;
  const auto guest = connect(vmm);
  ASSERT_NE(guest, nullptr);
  const auto state = guest->save_state();
  ASSERT_FALSE(state);
  EXPECT_THAT(state.error().message, HasSubstr("while it is paused"));
  EXPECT_FALSE(guest->commit());
}

TEST(ShimServiceTest, ErrorsOfTheVmmComeThrough) {
  FakeVmm vmm;
  const auto guest = connect(vmm);
  ASSERT_NE(guest, nullptr);
  vmm.pause_result = -EIO;
  const auto paused = guest->pause();
  ASSERT_FALSE(paused);
  EXPECT_EQ(paused.error().code, ErrorCode::kIo);
  vmm.load_result = -EINVAL;
  const Status loaded = guest->load_state({});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().message, "the state is of another guest");
  vmm.missing_feature = "avx512f";
  const Status features = guest->check_features({});
  ASSERT_FALSE(features);
  EXPECT_EQ(features.error().code, ErrorCode::kIncompatible);
  EXPECT_THAT(features.error().message, HasSubstr("avx512f"));
}

TEST(ShimServiceTest, DirtyLogJoinsVcpuAndDeviceWrites) {
  FakeVmm vmm;
  const auto guest = connect(vmm);
  ASSERT_NE(guest, nullptr);
  DirtyLog& log = guest->dirty_log();
  // Before the start: not kept, and owed in any case.
  cw_shim_mark_dirty(vmm.shim(), 1, 0, 4096);
  ASSERT_TRUE(log.start());
  EXPECT_EQ(log.owed(0).count(), FakeVmm::kRamBlocks);
  EXPECT_EQ(log.owed(1).count(), FakeVmm::kDiskBlocks);
  log.ack({0, 0, FakeVmm::kRamBlocks}, 1);
  log.ack({1, 0, FakeVmm::kDiskBlocks}, 1);
  EXPECT_EQ(log.owed(0).count() + log.owed(1).count(), 0u);

  vmm.write_block(7);
  cw_shim_mark_dirty(vmm.shim(), 0, 9 * 4096 + 4095, 2);
  cw_shim_mark_dirty(vmm.shim(), 1, 31 * 4096, 4096);
  cw_shim_mark_dirty(vmm.shim(), 1, 5 * 4096, 0);
  const auto version = log.collect();
  ASSERT_TRUE(version);
  EXPECT_EQ(*version, 2u);
  EXPECT_EQ(log.owed(0).count(), 3u);
  EXPECT_TRUE(log.owed(0).test(7));
  EXPECT_TRUE(log.owed(0).test(9));
  EXPECT_TRUE(log.owed(0).test(10));
  EXPECT_EQ(log.owed(1).count(), 1u);
  EXPECT_TRUE(log.owed(1).test(31));
}

TEST(ShimServiceTest, AckOfAnOldVersionIsIgnored) {
  FakeVmm vmm;
  const auto guest = connect(vmm);
  ASSERT_NE(guest, nullptr);
  DirtyLog& log = guest->dirty_log();
  ASSERT_TRUE(log.start());
  ASSERT_TRUE(log.collect());
  log.ack({0, 0, 4}, 1);
  EXPECT_EQ(log.owed(0).count(), FakeVmm::kRamBlocks);
  log.ack({0, 0, 4}, 2);
  EXPECT_EQ(log.owed(0).count(), FakeVmm::kRamBlocks - 4);
}

TEST(ShimServiceTest, CollectThatFailsLosesNothing) {
  FakeVmm vmm;
  const auto guest = connect(vmm);
  ASSERT_NE(guest, nullptr);
  DirtyLog& log = guest->dirty_log();
  ASSERT_TRUE(log.start());
  log.ack({0, 0, FakeVmm::kRamBlocks}, 1);
  vmm.write_block(3);
  vmm.collect_result = -EIO;
  EXPECT_FALSE(log.collect());
  vmm.collect_result = 0;
  // What was read before the failed collect may be older than block 3.
  log.ack({0, 0, FakeVmm::kRamBlocks}, 1);
  ASSERT_TRUE(log.collect());
  EXPECT_TRUE(log.owed(0).test(3));
}

TEST(ShimServiceTest, RearmIsCheckedAndGoesToTheTrackerForRam) {
  FakeVmm vmm;
  const auto guest = connect(vmm);
  ASSERT_NE(guest, nullptr);
  DirtyLog& log = guest->dirty_log();
  EXPECT_THAT(log.rearm({0, 0, 1}).error().message, HasSubstr("dirty-start"));
  ASSERT_TRUE(log.start());
  ASSERT_TRUE(log.rearm({0, 8, 16}));
  ASSERT_TRUE(log.rearm({1, 8, 16}));
  ASSERT_EQ(vmm.rearmed.size(), 1u);
  EXPECT_EQ(vmm.rearmed[0], std::pair(uint64_t{8}, uint64_t{16}));
  EXPECT_FALSE(log.rearm({0, 60, 5}));
  EXPECT_FALSE(log.rearm({0, UINT64_MAX, 2}));
  EXPECT_FALSE(log.rearm({2, 0, 1}));
}

TEST(ShimServiceTest, LostMoverLeavesAPausedGuestRunning) {
  FakeVmm vmm;
  auto guest = connect(vmm);
  ASSERT_NE(guest, nullptr);
  ASSERT_TRUE(guest->dirty_log().start());
  ASSERT_TRUE(guest->pause());
  EXPECT_FALSE(vmm.running);
  guest.reset();
  EXPECT_TRUE(eventually([&] { return vmm.running.load(); }));
  EXPECT_TRUE(eventually([&] { return vmm.tracking_stops == 1; }));
}

TEST(ShimServiceTest, LostMoverLeavesACommittedGuestFrozen) {
  FakeVmm vmm;
  auto guest = connect(vmm);
  ASSERT_NE(guest, nullptr);
  ASSERT_TRUE(guest->dirty_log().start());
  ASSERT_TRUE(guest->pause());
  ASSERT_TRUE(guest->commit());
  guest.reset();
  EXPECT_TRUE(eventually([&] { return vmm.tracking_stops == 1; }));
  EXPECT_EQ(vmm.resumes, 0);
  // Nor does a later mover that pauses it again and goes away.
  guest = connect(vmm);
  ASSERT_NE(guest, nullptr);
  ASSERT_TRUE(guest->pause());
  guest.reset();
  // Once the next is greeted, the one before has been seen off.
  guest = connect(vmm);
  EXPECT_EQ(vmm.resumes, 0);
  // Somebody who decides may still run it.
  EXPECT_TRUE(guest->resume());
  EXPECT_EQ(vmm.resumes, 1);
}

TEST(ShimServiceTest, LostMoverLeavesAGuestThatItDidNotPauseAlone) {
  FakeVmm vmm;
  vmm.running = false;  // a shell that waits for its state
  auto guest = connect(vmm);
  ASSERT_NE(guest, nullptr);
  ASSERT_TRUE(guest->load_state({}));
  guest.reset();
  guest = connect(vmm);
  EXPECT_EQ(vmm.resumes, 0);
}

TEST(ShimServiceTest, DeathIsToldAndStopsTheMove) {
  FakeVmm vmm;
  const auto guest = connect(vmm);
  ASSERT_NE(guest, nullptr);
  EXPECT_FALSE(guest->died());
  cw_shim_guest_died(vmm.shim(), "triple fault of vCPU 0");
  ASSERT_TRUE(eventually([&] { return guest->died().has_value(); }));
  EXPECT_EQ(guest->died()->code, ErrorCode::kGuestDied);
  EXPECT_THAT(guest->died()->message, HasSubstr("triple fault of vCPU 0"));
  const auto paused = guest->pause();
  ASSERT_FALSE(paused);
  EXPECT_EQ(paused.error().code, ErrorCode::kGuestDied);
}

TEST(ShimServiceTest, DeathBeforeTheConnectionIsTold) {
  FakeVmm vmm;
  cw_shim_guest_died(vmm.shim(), "out of memory");
  const auto guest = connect(vmm);
  ASSERT_NE(guest, nullptr);
  ASSERT_TRUE(eventually([&] { return guest->died().has_value(); }));
  EXPECT_THAT(guest->died()->message, HasSubstr("out of memory"));
}

TEST(ShimServiceTest, DeadGuestIsNotResumedWhenTheMoverGoes) {
  FakeVmm vmm;
  auto guest = connect(vmm);
  ASSERT_NE(guest, nullptr);
  ASSERT_TRUE(guest->pause());
  cw_shim_guest_died(vmm.shim(), "machine check");
  guest.reset();
  guest = connect(vmm);
  EXPECT_EQ(vmm.resumes, 0);
}

TEST(ShimServiceTest, HostileBytesEndTheConnectionAndHurtNobody) {
  FakeVmm vmm;
  auto socket = shim::connect_to(vmm.socket_path());
  ASSERT_TRUE(socket);
  shim::PacketReceiver receiver;
  ASSERT_TRUE(receiver.receive(socket->get(), milliseconds(10'000)));
  const std::byte junk[] = {std::byte{1}, std::byte{2}, std::byte{3}};
  ASSERT_TRUE(shim::send_packet(socket->get(), junk, {}, milliseconds(1000)));
  const auto answer = receiver.receive(socket->get(), milliseconds(10'000));
  ASSERT_TRUE(answer);
  const auto message = shim::decode_message(answer->packet);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->header.type, shim::MessageType::kRefused);
  const auto end = receiver.receive(socket->get(), milliseconds(10'000));
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, ErrorCode::kConnectionLost);
  EXPECT_NE(connect(vmm), nullptr);
}

TEST(ShimServiceTest, StateShorterThanSaidIsRefused) {
  FakeVmm vmm;
  auto socket = shim::connect_to(vmm.socket_path());
  ASSERT_TRUE(socket);
  shim::PacketReceiver receiver;
  ASSERT_TRUE(receiver.receive(socket->get(), milliseconds(10'000)));
  FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  const int fd = ::fileno(file);
  const auto request =
      shim::encode_blob_bytes({shim::MessageType::kLoadState, 1}, 4096);
  ASSERT_TRUE(shim::send_packet(socket->get(), request, std::span(&fd, 1),
                                milliseconds(1000)));
  const auto answer = receiver.receive(socket->get(), milliseconds(10'000));
  ASSERT_TRUE(answer);
  const auto message = shim::decode_message(answer->packet);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->header.type, shim::MessageType::kError);
  EXPECT_THAT(shim::decode_error(message->payload).message,
              HasSubstr("4096 bytes were said, 0 are there"));
  std::fclose(file);
}

TEST(ShimServiceTest, TwoShimsCannotShareASocket) {
  FakeVmm vmm;
  const auto again = shim::listen_at(vmm.socket_path());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kAlreadyExists);
  // And the first is none the worse.
  EXPECT_NE(connect(vmm), nullptr);
}

TEST(ShimServiceTest, CAbiIsUsableFromC) {
  EXPECT_TRUE(cw_c_abi_refuses_incomplete_ops());
}

}  // namespace
}  // namespace causeway
