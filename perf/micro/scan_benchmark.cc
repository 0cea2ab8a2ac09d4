// Zero detection beside a plain read of the same memory, which no cache holds.
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <cstring>
#include <span>

#include "engine/base/assert.h"
#include "engine/codec/zero.h"
#include "perf/micro/plain_read.h"

namespace causeway {
namespace {

constexpr size_t kBytes = size_t{1} << 30;

// Guest memory as the engine sees it: a shared mapping, filled with zeros by
// writing (a hole would be one page read again and again).
std::span<std::byte> zero_memory() {
  static const std::span<std::byte> memory = [] {
    void* const at = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    CAUSEWAY_ASSERT(at != MAP_FAILED);
    std::memset(at, 0, kBytes);
    return std::span(static_cast<std::byte*>(at), kBytes);
  }();
  return memory;
}

void PlainRead(benchmark::State& state) {
  const auto memory = zero_memory();
  for (auto _ : state) {
    benchmark::DoNotOptimize(plain_read(
        {reinterpret_cast<const uint64_t*>(memory.data()), kBytes / 8}));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kBytes));
}

void ZeroScan(benchmark::State& state) {
  const auto memory = zero_memory();
  for (auto _ : state) {
    const ZeroRun run = leading_run(memory);
    CAUSEWAY_ASSERT(run.zero && run.blocks == kBytes / kBlockBytes);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kBytes));
}

BENCHMARK(PlainRead)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(ZeroScan)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace causeway
