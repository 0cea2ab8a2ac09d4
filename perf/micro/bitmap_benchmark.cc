// Walking a dirty bitmap beside a plain read of its words. Bytes are the
// bitmap's own; one byte of it stands for 32 KiB of guest.
#include <benchmark/benchmark.h>

#include "engine/base/assert.h"
#include "engine/base/bitmap.h"
#include "perf/micro/plain_read.h"

namespace causeway {
namespace {

// A bitmap that no cache holds: of 8 TiB of guest.
constexpr uint64_t kBits = uint64_t{1} << 31;

// Every `spacing`th block dirty.
void mark(BitmapView bits, uint64_t spacing) {
  for (uint64_t bit = 0; bit < bits.size(); bit += spacing) bits.set(bit);
}

void count_bytes(benchmark::State& state) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kBits / 8));
}

void PlainRead(benchmark::State& state) {
  Bitmap bitmap(kBits);
  mark(bitmap.view(), 1 << 15);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        plain_read({bitmap.view().words(), bitmap.view().word_count()}));
  }
  count_bytes(state);
}

// The sender's walk: runs of dirty blocks, few and far between or dense.
void DirtyScan(benchmark::State& state) {
  Bitmap bitmap(kBits);
  const auto spacing = static_cast<uint64_t>(state.range(0));
  mark(bitmap.view(), spacing);
  for (auto _ : state) {
    uint64_t runs = 0;
    for (uint64_t at = 0;; ++runs) {
      const auto run = bitmap.view().next_run(at, kBits);
      if (!run) break;
      at = run->end();
    }
    CAUSEWAY_ASSERT(runs == (kBits + spacing - 1) / spacing);
  }
  count_bytes(state);
}

void Count(benchmark::State& state) {
  Bitmap bitmap(kBits);
  mark(bitmap.view(), 1 << 15);
  for (auto _ : state) {
    CAUSEWAY_ASSERT(bitmap.view().count() == kBits >> 15);
  }
  count_bytes(state);
}

// What a collect does with the bitmap of the devices' writes.
void Absorb(benchmark::State& state) {
  Bitmap owed(kBits);
  Bitmap pending(kBits);
  mark(owed.view(), 1 << 15);
  for (auto _ : state) owed.view().absorb(pending.view());
  count_bytes(state);
}

BENCHMARK(PlainRead)->Unit(benchmark::kMillisecond);
BENCHMARK(DirtyScan)
    ->Unit(benchmark::kMillisecond)
    ->Arg(1 << 20)
    ->Arg(1 << 15)
    ->Arg(64);
BENCHMARK(Count)->Unit(benchmark::kMillisecond);
BENCHMARK(Absorb)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace causeway
