// What a collect costs a mover, over the shim's socket, for each tracker: a
// real VMM whose guest writes 100 MB/s, harvested every 20 ms. Time is the
// collect's; then everything is re-armed, as a round would.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "hypervisor-shim/client/shim_guest.h"
#include "tests/contract/vmm_process.h"

namespace causeway {
namespace {

struct Tracker {
  const char* vmm;
  const char* option;
};
constexpr Tracker kTrackers[] = {{"causeway-vmm-kvm", "bitmap"},
                                 {"causeway-vmm-kvm", "ring"},
                                 {"causeway-vmm-process", "bitmap"}};
constexpr std::chrono::milliseconds kPeriod{20};

// The programs of the build that this benchmark is of.
void find_programs() {
  const auto self = std::filesystem::read_symlink("/proc/self/exe");
  const auto bin = self.parent_path().parent_path() / "bin";
  ::setenv("CAUSEWAY_BIN", bin.c_str(), /*overwrite=*/0);
}

Result<VmmProcess> start_guest(const Tracker& tracker, int64_t memory_mib) {
  find_programs();
  CAUSEWAY_ASSIGN(auto vmm, VmmProcess::start(
                                tracker.vmm,
                                {"--name", "harvest", "--memory",
                                 std::to_string(memory_mib) + "M", "--workload",
                                 "uniform:100M", "--tracker", tracker.option},
                                0));
  while (!vmm.ask("status").value("filled", false)) {
    std::this_thread::sleep_for(kPeriod);
  }
  return vmm;
}

Status harvest(benchmark::State& state, const Tracker& tracker) {
  CAUSEWAY_ASSIGN(auto vmm, start_guest(tracker, state.range(0)));
  CAUSEWAY_ASSIGN(const auto guest, ShimGuest::connect(vmm.shim_socket()));
  DirtyLog& log = guest->dirty_log();
  const uint64_t blocks = guest->spec().regions[0].blocks();
  const BlockRange all{0, 0, blocks};
  CAUSEWAY_TRY(log.start());
  CAUSEWAY_TRY(log.rearm(all));
  log.ack(all, 1);
  uint64_t dirty = 0;
  for (auto _ : state) {
    std::this_thread::sleep_for(kPeriod);
    const auto start = std::chrono::steady_clock::now();
    CAUSEWAY_ASSIGN(const Version version, log.collect());
    const std::chrono::duration<double> spent =
        std::chrono::steady_clock::now() - start;
    state.SetIterationTime(spent.count());
    dirty += log.owed(0).count();
    CAUSEWAY_TRY(log.rearm(all));
    log.ack(all, version);
  }
  state.counters["dirty_blocks"] =
      static_cast<double>(dirty) / static_cast<double>(state.iterations());
  return log.stop();
}

void Harvest(benchmark::State& state, const Tracker& tracker) {
  if (auto done = harvest(state, tracker); !done) {
    state.SkipWithError(done.error().message.c_str());
  }
}

BENCHMARK_CAPTURE(Harvest, kvm_bitmap, kTrackers[0])
    ->Arg(256)
    ->Arg(1024)
    ->UseManualTime()
    ->Iterations(100)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(Harvest, kvm_ring, kTrackers[1])
    ->Arg(256)
    ->Arg(1024)
    ->UseManualTime()
    ->Iterations(100)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(Harvest, process_wp, kTrackers[2])
    ->Arg(256)
    ->Arg(1024)
    ->UseManualTime()
    ->Iterations(100)
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace causeway
