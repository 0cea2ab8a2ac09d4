// The digest of a block, of memory that no cache holds and of one hot block;
// and the table with its root.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <vector>

#include "engine/content/digest.h"
#include "engine/content/digest_table.h"

namespace causeway {
namespace {

constexpr uint64_t kKey = 0x5eed;

std::vector<uint64_t> random_words(size_t bytes) {
  std::mt19937_64 random(kKey);
  std::vector<uint64_t> words(bytes / sizeof(uint64_t));
  for (uint64_t& word : words) word = random();
  return words;
}

void DigestBlocks(benchmark::State& state) {
  const auto bytes = static_cast<size_t>(state.range(0));
  const auto words = random_words(bytes);
  const auto* memory = reinterpret_cast<const std::byte*>(words.data());
  for (auto _ : state) {
    for (size_t at = 0; at < bytes; at += kBlockBytes) {
      benchmark::DoNotOptimize(digest_any_block(memory + at, kKey));
    }
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes));
}

void TableSet(benchmark::State& state) {
  constexpr uint64_t kBlocks = 1 << 16;
  DigestTable table(kBlocks);
  const auto digests = random_words(kBlocks * sizeof(uint64_t));
  for (auto _ : state) table.set(0, digests);
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kBlocks));
}

BENCHMARK(DigestBlocks)->Arg(kBlockBytes)->Arg(512 << 20);
BENCHMARK(TableSet);

}  // namespace
}  // namespace causeway
