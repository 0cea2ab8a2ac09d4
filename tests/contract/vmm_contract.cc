#include "tests/contract/vmm_contract.h"

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <thread>
#include <utility>

#include "engine/runtime/clock.h"
namespace causeway {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr uint64_t kDiskBytes = 16u << 20;
constexpr const char* kMemory = "32M";

bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 6000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

// A region as a mover sees it. Huge pages can be mapped, but not written to as
// a file.
class MappedFile {
 public:
  MappedFile(int fd, uint64_t bytes) : bytes_(bytes) {
    void* at =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CAUSEWAY_ASSERT(at != MAP_FAILED);
    data_ = static_cast<std::byte*>(at);
  }
  MappedFile(MappedFile&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile() {
    if (data_ != nullptr) ::munmap(data_, bytes_);
  }
  std::byte* data() const { return data_; }

 private:
  std::byte* data_;
  uint64_t bytes_;
};

// The engine's source, without an engine: copies what is owed from the one
// VMM's regions into the other's.
class MiniMover {
 public:
  MiniMover(ShimGuest& from, ShimGuest& to) : from_(from) {
    for (const RegionInfo& region : from.spec().regions) {
      from_regions_.emplace_back(from.region_fd(region.id), region.bytes);
      to_regions_.emplace_back(to.region_fd(region.id), region.bytes);
    }
  }

  // From here on, what is owed of the RAM from this block on is forgotten.
  void forget_ram_from(uint64_t block) { forget_ram_from_ = block; }

  void copy_owed(Version version) {
    for (const RegionInfo& region : from_.spec().regions) {
      const BitmapView owed = from_.dirty_log().owed(region.id);
      uint64_t block = 0;
      while (const auto run = owed.next_run(block, owed.size(), 64)) {
        const BlockRange range{region.id, run->first, run->count};
        ASSERT_TRUE(from_.dirty_log().rearm(range));
        if (region.id != 0 || range.first < forget_ram_from_) copy(range);
        from_.dirty_log().ack(range, version);
        block = run->end();
      }
    }
  }

 private:
  void copy(const BlockRange& range) {
    const uint64_t offset = range.first * kBlockBytes;
    std::memcpy(to_regions_[range.region].data() + offset,
                from_regions_[range.region].data() + offset,
                range.count * kBlockBytes);
  }

  ShimGuest& from_;
  std::vector<MappedFile> from_regions_;
  std::vector<MappedFile> to_regions_;
  uint64_t forget_ram_from_ = UINT64_MAX;
};

std::unique_ptr<ShimGuest> connect(const VmmProcess& vmm) {
  auto guest = ShimGuest::connect(vmm.shim_socket());
  if (!guest) {
    ADD_FAILURE() << guest.error().message;
    return nullptr;
  }
  return std::move(guest).value();
}

// What the threads' /proc/.../status says under `name`, each value once.
std::set<std::string> thread_states(pid_t pid, const std::string& name) {
  std::set<std::string> states;
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    std::ifstream status(task.path() / "status");
    std::string key, value;
    while (status >> key && std::getline(status >> std::ws, value)) {
      if (key == name + ":") states.insert(value);
    }
  }
  return states;
}

uint64_t steps_of(const json& status) {
  uint64_t sum = 0;
  for (const auto& steps : status["steps"]) sum += steps.get<uint64_t>();
  return sum;
}

}  // namespace

void VmmContract::start(std::optional<VmmProcess>& into,
                        const std::string& workload, bool incoming) {
  std::vector<std::string> arguments = GetParam().arguments;
  arguments.insert(arguments.end(),
                   {"--name", "contract", "--memory", kMemory, "--vcpus", "2",
                    "--workload", workload, "--content", "mixed"});
  if (incoming) arguments.push_back("--incoming");
  auto vmm = VmmProcess::start(GetParam().binary, arguments, kDiskBytes);
  if (vmm) {
    into.emplace(std::move(*vmm));
    return;
  }
  const ErrorCode code = vmm.error().code;
  if (code == ErrorCode::kIncompatible || code == ErrorCode::kNotFound ||
      code == ErrorCode::kPermission) {
    GTEST_SKIP() << vmm.error().message;
  }
  FAIL() << vmm.error().message;
}

void VmmContract::start_source(const std::string& workload) {
  start(source_, workload, false);
}

void VmmContract::start_target() { start(target_, "mixed:max", true); }

void VmmContract::wait_until_filled() {
  ASSERT_TRUE(eventually([this] { return source_->ask("status")["filled"]; }));
}

// As a shell and as a running guest: lab/sandbox.h.
TEST_P(VmmContract, HasNoRightsThatItDoesNotNeed) {
  start_source("idle");
  if (IsSkipped()) return;
  start_target();
  const std::string none(16, '0');
  for (const VmmProcess* vmm : {&*source_, &*target_}) {
    for (const char* capabilities : {"CapEff", "CapPrm", "CapAmb"}) {
      EXPECT_THAT(thread_states(vmm->pid(), capabilities), ElementsAre(none))
          << capabilities;
    }
    if (::geteuid() == 0) {
      EXPECT_THAT(thread_states(vmm->pid(), "CapBnd"), ElementsAre(none));
    }
    EXPECT_THAT(thread_states(vmm->pid(), "NoNewPrivs"), ElementsAre("1"));
#ifndef CAUSEWAY_SANITIZED
    EXPECT_THAT(thread_states(vmm->pid(), "Seccomp"), ElementsAre("2"));
#endif
  }
}

TEST_P(VmmContract, RunsChecksItselfAndStops) {
  start_source("mixed:20M");
  if (!source_) return;
  wait_until_filled();
  const json check = source_->ask("check");
  EXPECT_TRUE(check["ok"]) << check;
  const json status = source_->ask("status");
  EXPECT_EQ(status["state"], "running");
  EXPECT_EQ(status["tracker"], GetParam().tracker);
  const std::string shim_socket = source_->shim_socket();
  EXPECT_EQ(source_->stop(), 0);
  EXPECT_NE(::access(shim_socket.c_str(), F_OK), 0);
}

TEST_P(VmmContract, LiveMoveLosesNothing) {
  start_source("mixed:max");
  if (!source_) return;
  start_target();
  ASSERT_TRUE(target_);
  wait_until_filled();
  const auto from = connect(*source_);
  const auto to = connect(*target_);
  ASSERT_TRUE(from && to);
  EXPECT_EQ(from->spec().tracker, GetParam().tracker);
  const Status fits = to->check_features(from->spec().features);
  ASSERT_TRUE(fits) << fits.error().message;

  MiniMover mover(*from, *to);
  const Status started = from->dirty_log().start();
  ASSERT_TRUE(started) << started.error().message;
  Version version = 1;
  for (int round = 0; round < 3; ++round) {
    mover.copy_owed(version);
    const auto collected = from->dirty_log().collect();
    ASSERT_TRUE(collected) << collected.error().message;
    version = *collected;
  }
  const auto stopped = from->pause();
  ASSERT_TRUE(stopped);
  const auto last = from->dirty_log().collect();
  ASSERT_TRUE(last);
  mover.copy_owed(*last);
  const auto state = from->save_state();
  ASSERT_TRUE(state) << state.error().message;
  const Status loaded = to->load_state(*state);
  ASSERT_TRUE(loaded) << loaded.error().message;
  ASSERT_TRUE(from->commit());
  const uint64_t steps_before = steps_of(source_->ask("status"));
  const auto went_on = to->resume();
  ASSERT_TRUE(went_on);

  const json check = target_->ask("check");
  EXPECT_TRUE(check["ok"]) << check;
  const json status = target_->ask("status");
  EXPECT_EQ(status["state"], "running");
  EXPECT_GT(steps_of(status), steps_before);
  // No vCPU made a step between the two moments, says the guest's own clock;
  // that one is measured for 10 ms when the VMM starts, so not quite as exact.
  const Duration seen(status["blackout_ns"].get<int64_t>());
  EXPECT_GE(seen + std::chrono::microseconds(100), *went_on - *stopped);
  EXPECT_EQ(steps_of(source_->ask("status")), steps_before);
  // It goes on: another check of what it has written since.
  EXPECT_TRUE(target_->ask("check")["ok"]);
}

// The contract's own guard: a mover that forgets one round's dirty blocks is
// found out by the guest.
TEST_P(VmmContract, AMoveThatForgetsARoundIsFound) {
  start_source("uniform:max");
  if (!source_) return;
  start_target();
  ASSERT_TRUE(target_);
  wait_until_filled();
  const auto from = connect(*source_);
  const auto to = connect(*target_);
  ASSERT_TRUE(from && to);
  MiniMover mover(*from, *to);
  ASSERT_TRUE(from->dirty_log().start());
  mover.copy_owed(1);
  const uint64_t steps = steps_of(source_->ask("status"));
  ASSERT_TRUE(eventually(
      [&] { return steps_of(source_->ask("status")) > steps + 100; }));
  ASSERT_TRUE(from->pause());
  const auto last = from->dirty_log().collect();
  ASSERT_TRUE(last);
  // The guest's own data; without its stacks it could not even say so.
  const json ram = source_->ask("status")["regions"][0];
  mover.forget_ram_from(ram["checked_offset"].get<uint64_t>() / kBlockBytes);
  mover.copy_owed(*last);
  const auto state = from->save_state();
  ASSERT_TRUE(state);
  ASSERT_TRUE(to->load_state(*state));
  ASSERT_TRUE(to->resume());
  EXPECT_FALSE(target_->ask("check")["ok"]);
}

TEST_P(VmmContract, PausedGuestMakesNoStepAndRunsOnWhenTheMoverGoes) {
  start_source("uniform:20M");
  if (!source_) return;
  auto guest = connect(*source_);
  ASSERT_NE(guest, nullptr);
  ASSERT_TRUE(guest->dirty_log().start());
  ASSERT_TRUE(guest->pause());
  const uint64_t steps = steps_of(source_->ask("status"));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(steps_of(source_->ask("status")), steps);
  guest.reset();
  EXPECT_TRUE(eventually(
      [&] { return steps_of(source_->ask("status")) > steps + 10; }));
  EXPECT_EQ(source_->ask("status")["state"], "running");
}

TEST_P(VmmContract, PausedAgainAndAgainKeepsItsState) {
  start_source("mixed:max");
  if (!source_) return;
  wait_until_filled();
  const auto guest = connect(*source_);
  ASSERT_NE(guest, nullptr);
  Instant before = monotonic_now();
  for (int time = 0; time < 200; ++time) {
    const auto stopped = guest->pause();
    ASSERT_TRUE(stopped);
    const Instant between = monotonic_now();
    const auto went_on = guest->resume();
    ASSERT_TRUE(went_on);
    const Instant after = monotonic_now();
    EXPECT_LE(before, *stopped);
    EXPECT_LE(*stopped, between);
    EXPECT_LE(between, *went_on);
    EXPECT_LE(*went_on, after);
    before = after;
  }
  const json check = source_->ask("check");
  EXPECT_TRUE(check["ok"]) << check;
}

TEST_P(VmmContract, DyingGuestIsTold) {
  start_source("idle");
  if (!source_) return;
  const auto guest = connect(*source_);
  ASSERT_NE(guest, nullptr);
  source_->ask("kill-guest");
  ASSERT_TRUE(eventually([&] { return guest->died().has_value(); }));
  EXPECT_EQ(guest->died()->code, ErrorCode::kGuestDied);
  EXPECT_THAT(guest->died()->message, HasSubstr("vCPU 0"));
  EXPECT_EQ(source_->ask("status")["state"], "died");
  EXPECT_FALSE(guest->pause());
  EXPECT_EQ(source_->stop(), 0);
}

TEST_P(VmmContract, ShellTakesNoRubbishAndRunsNothingByItself) {
  start_target();
  if (!target_) return;
  const auto guest = connect(*target_);
  ASSERT_NE(guest, nullptr);
  EXPECT_FALSE(guest->resume());
  const std::vector<std::byte> rubbish(4096, std::byte{0xa5});
  const Status loaded = guest->load_state(rubbish);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::kPeerBroken);
  EXPECT_FALSE(guest->resume());
  EXPECT_EQ(target_->ask("status")["state"], "incoming");
  EXPECT_EQ(target_->stop(), 0);
}

TEST_P(VmmContract, StateOfAnotherShapeIsRefused) {
  start_source("idle");
  if (!source_) return;
  start_target();
  ASSERT_TRUE(target_);
  const auto from = connect(*source_);
  const auto to = connect(*target_);
  ASSERT_TRUE(from && to);
  ASSERT_TRUE(from->pause());
  auto state = from->save_state();
  ASSERT_TRUE(state);
  // Any byte of it: the sum over all is wrong.
  (*state)[state->size() / 2] ^= std::byte{1};
  EXPECT_FALSE(to->load_state(*state));
  state->resize(state->size() - 1);
  EXPECT_FALSE(to->load_state(*state));
  EXPECT_FALSE(to->check_features(std::vector<std::byte>(7)));
}

}  // namespace causeway
