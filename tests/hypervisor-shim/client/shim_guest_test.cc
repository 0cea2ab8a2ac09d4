// ShimGuest against VMMs that hang, end, lie or are not there.
#include "hypervisor-shim/client/shim_guest.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <thread>

#include "engine/runtime/clock.h"
#include "hypervisor-shim/protocol/owed_memory.h"
#include "hypervisor-shim/protocol/seqpacket.h"
#include "tests/hypervisor-shim/embed/fake_vmm.h"

namespace causeway {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

UniqueFd make_memory(uint64_t bytes, bool sealed) {
  UniqueFd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::ftruncate(fd.get(), bytes), 0);
  if (sealed) {
    EXPECT_EQ(::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
  }
  return fd;
}

GuestSpec spec_with_ram(uint64_t bytes) {
  GuestSpec spec;
  spec.name = "liar";
  spec.regions = {{0, RegionKind::kRam, "ram0", bytes, kBlockBytes}};
  return spec;
}

// A VMM that says and gives exactly what a test wants.
class LyingVmm {
 public:
  LyingVmm(const shim::Packet& hello, const std::vector<int>& fds) {
    char directory[] = "/tmp/causeway-liar-XXXXXX";
    CAUSEWAY_ASSERT(::mkdtemp(directory) != nullptr);
    directory_ = directory;
    path_ = directory_ + "/shim.sock";
    auto listener = shim::listen_at(path_);
    CAUSEWAY_ASSERT(listener.has_value());
    thread_ = std::thread([listener = std::move(*listener), hello, fds] {
      const int flags = ::fcntl(listener.get(), F_GETFL);
      (void)::fcntl(listener.get(), F_SETFL, flags & ~O_NONBLOCK);
      UniqueFd socket(::accept4(listener.get(), nullptr, nullptr, 0));
      (void)shim::send_packet(socket.get(), hello, fds, milliseconds(1000))
          .has_value();
    });
  }
  ~LyingVmm() {
    thread_.join();
    ::unlink(path_.c_str());
    ::rmdir(directory_.c_str());
  }
  const std::string& path() const { return path_; }

 private:
  std::string directory_;
  std::string path_;
  std::thread thread_;
};

Error connect_error(const shim::Packet& hello, const std::vector<int>& fds) {
  const LyingVmm vmm(hello, fds);
  const auto guest = ShimGuest::connect(vmm.path(), milliseconds(10'000));
  return guest ? Error{ErrorCode::kInternal, "it connected"} : guest.error();
}

struct Called {
  Instant before;
  Instant told;
  Instant after;
};

Called call(ShimGuest& guest, Result<Instant> (ShimGuest::*what)()) {
  Called called{};
  called.before = monotonic_now();
  const auto told = (guest.*what)();
  called.after = monotonic_now();
  EXPECT_TRUE(told);
  if (told) called.told = *told;
  return called;
}

TEST(ShimGuestTest, TheVmmSaysWhenItsGuestStoppedAndWentOn) {
  FakeVmm vmm;
  const auto guest = ShimGuest::connect(vmm.socket_path());
  ASSERT_TRUE(guest);
  vmm.pause_ms = 200;
  const Instant stop = monotonic_now() + milliseconds(100);
  vmm.moment_ns = static_cast<uint64_t>(stop.time_since_epoch().count());
  EXPECT_EQ(call(**guest, &ShimGuest::pause).told, stop);
}

// Unknown: as much blackout as it can have been.
TEST(ShimGuestTest, AVmmThatDoesNotKnowTheMomentCostsTheCall) {
  FakeVmm vmm;
  const auto guest = ShimGuest::connect(vmm.socket_path());
  ASSERT_TRUE(guest);
  vmm.pause_ms = 200;
  const Called pause = call(**guest, &ShimGuest::pause);
  EXPECT_GE(pause.told, pause.before);
  EXPECT_LE(pause.told, pause.after - milliseconds(200));
  const Called resume = call(**guest, &ShimGuest::resume);
  EXPECT_GE(resume.told, resume.before);
  EXPECT_LE(resume.told, resume.after);
}

TEST(ShimGuestTest, AMomentOutsideOfTheCallIsNotBelieved) {
  FakeVmm vmm;
  const auto guest = ShimGuest::connect(vmm.socket_path());
  ASSERT_TRUE(guest);
  for (const uint64_t lie : {uint64_t{1}, uint64_t{1} << 62, ~uint64_t{0}}) {
    vmm.moment_ns = lie;
    for (const auto what : {&ShimGuest::pause, &ShimGuest::resume}) {
      const Called called = call(**guest, what);
      EXPECT_GE(called.told, called.before) << lie;
      EXPECT_LE(called.told, called.after) << lie;
    }
  }
}

TEST(ShimGuestTest, NoSocketIsUnreachable) {
  const auto guest = ShimGuest::connect("/tmp/causeway-no-such/shim.sock");
  ASSERT_FALSE(guest);
  EXPECT_EQ(guest.error().code, ErrorCode::kUnreachable);
  EXPECT_THAT(guest.error().message, HasSubstr("does the guest's VMM run?"));
}

TEST(ShimGuestTest, PathTooLongForASocketIsSaid) {
  const auto guest = ShimGuest::connect(std::string(200, 'p'));
  ASSERT_FALSE(guest);
  EXPECT_THAT(guest.error().message, HasSubstr("shorter state directory"));
}

TEST(ShimGuestTest, HungVmmGivesATimeoutThatSaysSo) {
  FakeVmm vmm;
  auto guest = ShimGuest::connect(vmm.socket_path(), milliseconds(10'000));
  ASSERT_TRUE(guest);
  guest->reset();
  auto hasty = ShimGuest::connect(vmm.socket_path(), milliseconds(20));
  // On a loaded machine the hello itself may be late: no less a timeout.
  if (!hasty) {
    EXPECT_EQ(hasty.error().code, ErrorCode::kTimeout);
    GTEST_SKIP() << "the machine is too loaded for a hello within 20 ms";
  }
  vmm.pause_ms = 200;
  const auto paused = (*hasty)->pause();
  ASSERT_FALSE(paused);
  EXPECT_EQ(paused.error().code, ErrorCode::kTimeout);
  EXPECT_THAT(paused.error().message, HasSubstr("no answer to pause"));
  EXPECT_THAT(paused.error().message, HasSubstr("VMM hangs"));
  // Whatever comes late answers no later call.
  const auto resumed = (*hasty)->resume();
  ASSERT_FALSE(resumed);
  EXPECT_EQ(resumed.error().code, ErrorCode::kTimeout);
  hasty->reset();
  // The VMM comes back to itself and finds its mover gone.
  for (int i = 0; i < 5000 && vmm.resumes == 0; ++i)
    std::this_thread::sleep_for(milliseconds(2));
  EXPECT_EQ(vmm.resumes, 1);
}

TEST(ShimGuestTest, EndOfTheVmmIsTheGuestsDeath) {
  auto vmm = std::make_unique<FakeVmm>();
  auto guest = ShimGuest::connect(vmm->socket_path());
  ASSERT_TRUE(guest);
  EXPECT_FALSE((*guest)->died());
  vmm.reset();
  ASSERT_TRUE((*guest)->died());
  EXPECT_EQ((*guest)->died()->code, ErrorCode::kGuestDied);
  const auto paused = (*guest)->pause();
  ASSERT_FALSE(paused);
  EXPECT_EQ(paused.error().code, ErrorCode::kGuestDied);
}

TEST(ShimGuestTest, RegionShorterThanSaidIsRefused) {
  const GuestSpec spec = spec_with_ram(8 * kBlockBytes);
  const UniqueFd ram = make_memory(7 * kBlockBytes, true);
  const UniqueFd owed = make_memory(4096, true);
  const Error error =
      connect_error(shim::encode_hello(spec), {ram.get(), owed.get()});
  EXPECT_EQ(error.code, ErrorCode::kPeerBroken);
  EXPECT_THAT(error.message, HasSubstr("region ram0 has 32768 bytes, its file "
                                       "has 28672"));
}

TEST(ShimGuestTest, RegionThatIsNoFileIsRefused) {
  const GuestSpec spec = spec_with_ram(8 * kBlockBytes);
  const UniqueFd owed = make_memory(4096, true);
  int pipe_fds[2];
  ASSERT_EQ(::pipe(pipe_fds), 0);
  const UniqueFd reader(pipe_fds[0]);
  const UniqueFd writer(pipe_fds[1]);
  const Error error =
      connect_error(shim::encode_hello(spec), {reader.get(), owed.get()});
  EXPECT_THAT(error.message, HasSubstr("neither a file nor a block device"));
}

TEST(ShimGuestTest, MissingDescriptorIsRefused) {
  const GuestSpec spec = spec_with_ram(8 * kBlockBytes);
  const UniqueFd ram = make_memory(8 * kBlockBytes, true);
  const Error error = connect_error(shim::encode_hello(spec), {ram.get()});
  EXPECT_THAT(error.message, HasSubstr("1 regions and gave 1 descriptors"));
}

TEST(ShimGuestTest, OwedMemoryThatMayShrinkIsRefused) {
  const GuestSpec spec = spec_with_ram(8 * kBlockBytes);
  const UniqueFd ram = make_memory(8 * kBlockBytes, true);
  const UniqueFd owed = make_memory(4096, false);
  const Error error =
      connect_error(shim::encode_hello(spec), {ram.get(), owed.get()});
  EXPECT_THAT(error.message, HasSubstr("not sealed"));
}

TEST(ShimGuestTest, OwedMemoryThatIsTooShortIsRefused) {
  const GuestSpec spec = spec_with_ram(1024 * 1024 * kBlockBytes);
  const UniqueFd ram = make_memory(1024 * 1024 * kBlockBytes, true);
  const UniqueFd owed = make_memory(4096, true);
  const Error error =
      connect_error(shim::encode_hello(spec), {ram.get(), owed.get()});
  EXPECT_THAT(error.message, HasSubstr("its regions need"));
}

TEST(ShimGuestTest, OtherVersionOfTheProtocolIsIncompatible) {
  shim::Packet hello = shim::encode_hello(spec_with_ram(kBlockBytes));
  hello[4] = std::byte{9};
  const Error error = connect_error(hello, {});
  EXPECT_EQ(error.code, ErrorCode::kIncompatible);
  EXPECT_THAT(error.message, HasSubstr("speaks version 9"));
}

TEST(ShimGuestTest, AnswerInPlaceOfHelloIsRefused) {
  const Error error =
      connect_error(shim::encode_empty({shim::MessageType::kOk, 1}), {});
  EXPECT_EQ(error.code, ErrorCode::kPeerBroken);
  EXPECT_THAT(error.message, HasSubstr("ok came in place of hello"));
}

}  // namespace
}  // namespace causeway
