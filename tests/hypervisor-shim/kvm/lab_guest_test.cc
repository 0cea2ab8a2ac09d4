// A lab guest in causeway-vmm-kvm: what it notices, and what it measures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "hypervisor-shim/client/shim_guest.h"
#include "hypervisor-shim/lab/guest_abi.h"
#include "tests/contract/vmm_process.h"

namespace causeway {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr uint64_t kDiskBytes = 4u << 20;

class LabGuest : public testing::Test {
 protected:
  // Skips where there is no KVM. `extra` follows the defaults.
  void start(std::vector<std::string> extra, uint64_t disk_bytes = kDiskBytes) {
    vmm_ = launch(std::move(extra), disk_bytes);
    if (vmm_ == nullptr) return;
    for (int i = 0; i < 6000 && !vmm_->ask("status").value("filled", false);
         ++i) {
      std::this_thread::sleep_for(milliseconds(5));
    }
    ASSERT_TRUE(vmm_->ask("status").value("filled", false));
  }

  std::unique_ptr<VmmProcess> launch(std::vector<std::string> extra,
                                     uint64_t disk_bytes = kDiskBytes) {
    std::vector<std::string> arguments = {"--name", "lab", "--memory", memory_};
    arguments.insert(arguments.end(), extra.begin(), extra.end());
    auto vmm = VmmProcess::start("causeway-vmm-kvm", arguments, disk_bytes);
    if (vmm) return std::make_unique<VmmProcess>(std::move(*vmm));
    [&] {
      const ErrorCode code = vmm.error().code;
      if (code == ErrorCode::kNotFound || code == ErrorCode::kPermission) {
        GTEST_SKIP() << vmm.error().message;
      }
      FAIL() << vmm.error().message;
    }();
    return nullptr;
  }

  Result<json> call(const json& request) {
    CAUSEWAY_ASSIGN(auto client,
                    lab::MonitorClient::connect(vmm_->monitor_socket()));
    return client.call(request, milliseconds(30'000));
  }

  json region(size_t index) { return vmm_->ask("status")["regions"][index]; }

  // Flips a bit of a block in the middle of what the guest checks, expects
  // the check to name region and block, and flips it back.
  void expect_flip_is_found(size_t index, uint64_t byte_in_block,
                            uint32_t bit) {
    const json status = region(index);
    const uint64_t middle = status["checked_offset"].get<uint64_t>() +
                            status["checked_bytes"].get<uint64_t>() / 2;
    const uint64_t block = middle / 4096;
    const json flip = {{"command", "flip-bit"},
                       {"region", status["name"]},
                       {"offset", block * 4096 + byte_in_block},
                       {"bit", bit}};
    ASSERT_TRUE(call(flip));
    const json found = vmm_->ask("check");
    EXPECT_EQ(found["ok"], false) << found;
    EXPECT_EQ(found["errors"], 1) << found;
    EXPECT_EQ(found["first_error"]["region"], status["name"]);
    EXPECT_EQ(found["first_error"]["block"], block);
    ASSERT_TRUE(call(flip));
    EXPECT_EQ(vmm_->ask("check")["ok"], true);
  }

  std::string memory_ = "16M";
  std::unique_ptr<VmmProcess> vmm_;
};

TEST_F(LabGuest, FindsASingleFlippedBitInRam) {
  start({"--vcpus", "2"});
  if (IsSkipped()) return;
  for (const uint64_t byte : {0, 8, 16, 24, 32, 40, 48, 4095}) {
    expect_flip_is_found(0, byte, byte % 8);
  }
}

TEST_F(LabGuest, FindsASingleFlippedBitOnDisk) {
  start({"--content", "text"});
  if (IsSkipped()) return;
  for (const uint64_t byte : {0, 20, 2048, 4095}) {
    expect_flip_is_found(1, byte, 7);
  }
}

TEST_F(LabGuest, FindsASingleFlippedBitInZeros) {
  start({"--content", "zero:1"});
  if (IsSkipped()) return;
  expect_flip_is_found(0, 1234, 0);
  expect_flip_is_found(1, 1234, 0);
}

TEST_F(LabGuest, RefusesAFlipThatItCouldNotFind) {
  start({"--used", "0.5"});
  if (IsSkipped()) return;
  const json ram = region(0);
  const uint64_t end = ram["checked_offset"].get<uint64_t>() +
                       ram["checked_bytes"].get<uint64_t>();
  for (const uint64_t offset : {uint64_t{0}, end, UINT64_MAX}) {
    const auto answer = call({{"command", "flip-bit"},
                              {"region", "ram0"},
                              {"offset", offset},
                              {"bit", 0}});
    ASSERT_FALSE(answer);
    EXPECT_THAT(answer.error().message, HasSubstr("is not checked"));
  }
  EXPECT_FALSE(call({{"command", "flip-bit"}, {"region", 7}}));
  EXPECT_FALSE(call({{"command", "dance"}}));
}

TEST_F(LabGuest, AReadErrorOfTheDiskIsReported) {
  start({});
  if (IsSkipped()) return;
  ASSERT_EQ(::truncate(vmm_->disk_path().c_str(), kDiskBytes / 2), 0);
  const json check = vmm_->ask("check");
  EXPECT_EQ(check["ok"], false);
  EXPECT_EQ(check["first_error"]["region"], "disk0");
  // Of the reads that are on their way at once, that which ended first.
  const auto block = check["first_error"]["block"].get<uint64_t>();
  EXPECT_GE(block, kDiskBytes / 2 / 4096);
  EXPECT_LT(block, (kDiskBytes / 2 + GUEST_DISK_BUFFERS_BYTES) / 4096);
  EXPECT_EQ(block % (GUEST_DISK_SLOT_BYTES / 4096), 0u);
  EXPECT_EQ(check["first_error"]["what"], "the disk failed to read it");
  const json status = vmm_->ask("status");
  EXPECT_EQ(status["state"], "running");
  EXPECT_EQ(status["disk_errors"], kDiskBytes / 2 / (64 << 10));
  EXPECT_THAT(status["disk_error"].get<std::string>(),
              HasSubstr("failed to read 16 blocks"));
}

TEST_F(LabGuest, RunsOnHugePages) {
  std::ifstream meminfo("/proc/meminfo");
  std::string word;
  uint64_t free = 0;
  while (meminfo >> word && word != "HugePages_Free:") {
  }
  meminfo >> free;
  if (free < 8) {
    GTEST_SKIP() << free << " free huge pages, 8 are needed: "
                 << "echo 8 > /proc/sys/vm/nr_hugepages";
  }
  start({"--page-size", "2M", "--workload", "uniform:max"});
  if (IsSkipped()) return;
  EXPECT_EQ(vmm_->ask("check")["ok"], true);
}

TEST_F(LabGuest, UnusedMemoryAndDiskStayHoles) {
  memory_ = "64M";
  start({"--used", "0.1"});
  if (IsSkipped()) return;
  const auto guest = ShimGuest::connect(vmm_->shim_socket());
  ASSERT_TRUE(guest) << guest.error().message;
  struct stat ram {};
  ASSERT_EQ(::fstat((*guest)->region_fd(0), &ram), 0);
  EXPECT_LT(ram.st_blocks * 512, 10 << 20);
  struct stat disk {};
  ASSERT_EQ(::fstat((*guest)->region_fd(1), &disk), 0);
  EXPECT_LT(disk.st_blocks * 512, 1 << 20);
}

// Moves the guest by copying its memory whole; the disk is the same file.
class LabGuestMove : public LabGuest {
 protected:
  void move(milliseconds frozen) {
    auto from = ShimGuest::connect(vmm_->shim_socket());
    ASSERT_TRUE(from) << from.error().message;
    target_ = launch({"--vcpus", "2", "--incoming"}, 0);
    ASSERT_NE(target_, nullptr);
    auto to = ShimGuest::connect(target_->shim_socket());
    ASSERT_TRUE(to) << to.error().message;
    ASSERT_TRUE((*from)->pause());
    before_ = vmm_->ask("status");
    std::this_thread::sleep_for(frozen);
    auto state = (*from)->save_state();
    ASSERT_TRUE(state) << state.error().message;
    if (change_state_) change_state_(*state);
    copy_ram((*from)->region_fd(0), (*to)->region_fd(0));
    const Status loaded = (*to)->load_state(*state);
    ASSERT_TRUE(loaded) << loaded.error().message;
    ASSERT_TRUE((*from)->commit());
    ASSERT_TRUE((*to)->resume());
  }

  void copy_ram(int from, int to) {
    std::vector<char> bytes(16u << 20);
    const auto size = static_cast<ssize_t>(bytes.size());
    ASSERT_EQ(::pread(from, bytes.data(), bytes.size(), 0), size);
    ASSERT_EQ(::pwrite(to, bytes.data(), bytes.size(), 0), size);
  }

  std::unique_ptr<VmmProcess> target_;
  json before_;
  std::function<void(std::vector<std::byte>&)> change_state_;
};

TEST_F(LabGuestMove, BlackoutIsSeenFromInsideAndNoStepIsLost) {
  start({"--vcpus", "2", "--workload", "uniform:5M"}, 0);
  if (IsSkipped()) return;
  const auto begin = std::chrono::steady_clock::now();
  move(milliseconds(50));
  const auto whole = std::chrono::steady_clock::now() - begin;
  if (HasFatalFailure()) return;
  const json check = target_->ask("check");
  EXPECT_EQ(check["ok"], true) << check;
  const json after = target_->ask("status");
  EXPECT_EQ(after["state"], "running");
  // Between the sleep of 50 ms and all that this test did.
  const auto blackout = std::chrono::nanoseconds(after["blackout_ns"]);
  EXPECT_GE(blackout, milliseconds(50));
  EXPECT_LE(blackout, whole);
  EXPECT_GT(after["guest_ns"], before_["guest_ns"]);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_GT(after["steps"][i], before_["steps"][i]);
  }
}

// The guest keeps its step counter in XMM and YMM too: a move that lost the
// FPU state is noticed at the first step.
TEST_F(LabGuestMove, LostFpuStateIsNoticed) {
  start({"--vcpus", "2"}, 0);
  if (IsSkipped()) return;
  auto from = ShimGuest::connect(vmm_->shim_socket());
  ASSERT_TRUE(from);
  ASSERT_TRUE((*from)->pause());
  // An older state: all registers of some steps ago, but today's memory.
  const auto old_state = (*from)->save_state();
  ASSERT_TRUE(old_state);
  ASSERT_TRUE((*from)->resume());
  from->reset();
  std::this_thread::sleep_for(milliseconds(50));
  change_state_ = [&](std::vector<std::byte>& state) { state = *old_state; };
  move(milliseconds(0));
  if (HasFatalFailure()) return;
  const json check = target_->ask("check");
  EXPECT_EQ(check["ok"], false);
  EXPECT_THAT(check["first_error"]["what"].get<std::string>(),
              HasSubstr("step counter"));
}

TEST_F(LabGuestMove, ACheckOfAGuestThatMovedAwayEnds) {
  start({"--vcpus", "2"}, 0);
  if (IsSkipped()) return;
  move(milliseconds(0));
  if (HasFatalFailure()) return;
  const auto check = call({{"command", "check"}});
  ASSERT_FALSE(check);
  EXPECT_THAT(check.error().message, HasSubstr("it must run"));
}

TEST_F(LabGuest, HidesFeaturesAndAShellWithoutThemRefusesTheGuest) {
  start({}, 0);
  if (IsSkipped()) return;
  const auto guest = ShimGuest::connect(vmm_->shim_socket());
  ASSERT_TRUE(guest);
  const auto shell = launch({"--incoming", "--cpu-mask", "cx16,nx"}, 0);
  ASSERT_NE(shell, nullptr);
  const auto poorer = ShimGuest::connect(shell->shim_socket());
  ASSERT_TRUE(poorer);
  const Status fits = (*poorer)->check_features((*guest)->spec().features);
  ASSERT_FALSE(fits);
  EXPECT_EQ(fits.error().code, ErrorCode::kIncompatible);
  EXPECT_THAT(fits.error().message, HasSubstr("cx16, nx"));
  EXPECT_TRUE((*guest)->check_features((*poorer)->spec().features));
}

class LabGuestRefusal : public testing::Test {
 protected:
  std::string refusal(std::vector<std::string> arguments,
                      uint64_t disk_bytes = 0) {
    arguments.insert(arguments.begin(), {"--name", "lab"});
    const auto vmm =
        VmmProcess::start("causeway-vmm-kvm", arguments, disk_bytes);
    return vmm ? "it was started" : vmm.error().message;
  }
};

TEST_F(LabGuestRefusal, ReadyLineSaysWhatIsWrong) {
  EXPECT_THAT(refusal({"--memory", "16777217"}),
              HasSubstr("error invalid-argument --memory 16777217 is not a "
                        "multiple"));
  EXPECT_THAT(refusal({"--memory", "16M", "--disk", "/nonexistent/disk"}),
              HasSubstr("error not-found the disk /nonexistent/disk"));
  EXPECT_THAT(refusal({"--memory", "16M", "--disk-bytes", "8M"}, kDiskBytes),
              HasSubstr("it has 4194304 bytes, the guest's disk 8388608"));
  EXPECT_THAT(refusal({"--memory", "16M", "--wrong"}),
              HasSubstr("error invalid-argument"));
}

// As many huge pages as no host has; as much memory as this one has not.
TEST_F(LabGuestRefusal, HostIsShortOfMemory) {
  std::ifstream meminfo("/proc/meminfo");
  std::string key;
  uint64_t total_kib = 0;
  meminfo >> key >> total_kib;
  ASSERT_EQ(key, "MemTotal:");
  if (total_kib < (64ull << 20)) {
    EXPECT_THAT(refusal({"--memory", "64G"}),
                HasSubstr("error no-space the guest needs 64G of memory"));
  }
  EXPECT_THAT(refusal({"--memory", "64G", "--page-size", "2M"}),
              HasSubstr("error no-space the guest needs 32768 huge pages"));
}

}  // namespace
}  // namespace causeway
