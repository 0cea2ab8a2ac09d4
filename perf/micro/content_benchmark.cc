// The content index: what naming a block costs (of memory that no cache holds,
// beside the same hash without a key), and what the back ends take and find a
// second, in batches, with the bytes that a block takes of them.
#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <vector>

#include "engine/content/content_identity.h"
#include "engine/content/memory_content_index.h"
#include "engine/content/rocksdb_content_index.h"

namespace causeway {
namespace {

constexpr size_t kContentBytes = 256u << 20;

std::vector<uint64_t> random_words(size_t bytes) {
  std::mt19937_64 random(7);
  std::vector<uint64_t> words(bytes / sizeof(uint64_t));
  for (uint64_t& word : words) word = random();
  return words;
}

template <typename Hash>
void hash_blocks(benchmark::State& state, Hash hash) {
  const auto words = random_words(kContentBytes);
  const auto* memory = reinterpret_cast<const std::byte*>(words.data());
  for (auto _ : state) {
    for (size_t at = 0; at < kContentBytes; at += kBlockBytes) {
      hash(memory + at);
    }
  }
  state.SetBytesProcessed(
      static_cast<int64_t>(state.iterations() * kContentBytes));
}

void IdentityBlocks(benchmark::State& state) {
  auto identity = ContentIdentity::create({});
  if (!identity) return state.SkipWithError(identity.error().message.c_str());
  hash_blocks(state, [&](const std::byte* block) {
    benchmark::DoNotOptimize(identity->digest(block));
  });
}

void IdentityPairs(benchmark::State& state) {
  auto identity = ContentIdentity::create({});
  if (!identity) return state.SkipWithError(identity.error().message.c_str());
  const std::byte* waits = nullptr;
  hash_blocks(state, [&](const std::byte* block) {
    if (waits == nullptr) {
      waits = block;
      return;
    }
    benchmark::DoNotOptimize(identity->digest_pair(waits, block));
    waits = nullptr;
  });
}

void Sha256Blocks(benchmark::State& state) {
  EVP_MD* sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  unsigned char digest[EVP_MAX_MD_SIZE];
  hash_blocks(state, [&](const std::byte* block) {
    EVP_DigestInit_ex2(context, sha256, nullptr);
    EVP_DigestUpdate(context, block, kBlockBytes);
    EVP_DigestFinal_ex(context, digest, nullptr);
    benchmark::DoNotOptimize(digest);
  });
  EVP_MD_CTX_free(context);
  EVP_MD_free(sha256);
}

struct Memory {
  explicit Memory(uint64_t blocks)
      : index(std::make_unique<MemoryContentIndex>(blocks / 6 * 64 + 64)) {}
  void put_all() {}
  void settle() {}
  std::unique_ptr<MemoryContentIndex> index;
};

template <bool kBulk>
struct RocksDb {
  explicit RocksDb(uint64_t) {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "causeway-perf-XXXXXX")
            .string();
    CAUSEWAY_ASSERT(::mkdtemp(pattern.data()) != nullptr);
    folder = pattern;
    auto opened = RocksDbContentIndex::open(folder, {.bulk = kBulk});
    CAUSEWAY_ASSERT(opened);
    index = std::move(*opened);
  }
  ~RocksDb() {
    index.reset();
    std::filesystem::remove_all(folder);
  }
  void put_all() { CAUSEWAY_ASSERT(!kBulk || index->flush()); }
  void settle() { CAUSEWAY_ASSERT(index->compact()); }
  std::string folder;
  std::unique_ptr<RocksDbContentIndex> index;
};

std::vector<ContentDigest> digests_from(uint64_t seed, uint64_t blocks) {
  std::mt19937_64 random(seed);
  std::vector<ContentDigest> digests(blocks);
  for (ContentDigest& digest : digests) {
    for (size_t at = 0; at < digest.size(); at += sizeof(uint64_t)) {
      const uint64_t word = random();
      std::memcpy(digest.data() + at, &word, sizeof(word));
    }
  }
  return digests;
}

void put_all(ContentIndex& index, std::span<const ContentDigest> digests) {
  const auto id = index.add_source({ContentKind::kFile, "/image"});
  CAUSEWAY_ASSERT(id);
  std::vector<ContentEntry> entries(kContentBatchMax);
  for (uint64_t at = 0; at < digests.size(); at += kContentBatchMax) {
    for (uint64_t i = 0; i < kContentBatchMax; ++i) {
      entries[i] = {digests[at + i], {*id, (at + i) * kBlockBytes}};
    }
    CAUSEWAY_ASSERT(index.put(entries));
  }
}

template <typename Store>
void Put(benchmark::State& state) {
  const auto blocks = static_cast<uint64_t>(state.range(0));
  const auto digests = digests_from(1, blocks);
  ContentIndexStats stats;
  for (auto _ : state) {
    state.PauseTiming();
    {
      Store store(blocks);
      state.ResumeTiming();
      put_all(*store.index, digests);
      store.put_all();
      state.PauseTiming();
      store.settle();
      stats = *store.index->stats();
    }
    state.ResumeTiming();
  }
  const auto held = static_cast<double>(stats.blocks);
  state.counters["memory_a_block"] =
      static_cast<double>(stats.memory_bytes) / held;
  state.counters["disk_a_block"] = static_cast<double>(stats.disk_bytes) / held;
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * blocks));
}

// The second argument: whether what is asked for is there.
template <typename Store>
void Find(benchmark::State& state) {
  const auto blocks = static_cast<uint64_t>(state.range(0));
  Store store(blocks);
  put_all(*store.index, digests_from(1, blocks));
  store.settle();
  auto asked = digests_from(state.range(1) != 0 ? 1 : 2, blocks);
  std::shuffle(asked.begin(), asked.end(), std::mt19937_64(3));
  std::vector<std::optional<ContentPlace>> places(kContentBatchMax);
  uint64_t at = 0;
  uint64_t found = 0;
  for (auto _ : state) {
    const auto batch = std::span(asked).subspan(at, kContentBatchMax);
    CAUSEWAY_ASSERT(store.index->find(batch, places));
    found += places[0] ? 1 : 0;
    at = (at + kContentBatchMax) % blocks;
  }
  const auto batches = static_cast<uint64_t>(state.iterations());
  CAUSEWAY_ASSERT(state.range(1) != 0 ? found + found / 100 + 1 >= batches
                                      : found <= 1 + batches / 1000);
  state.SetItemsProcessed(static_cast<int64_t>(batches * kContentBatchMax));
}

constexpr int64_t kBlocks = 4 << 20;  // 16 GiB of content
BENCHMARK(IdentityBlocks);
BENCHMARK(IdentityPairs);
BENCHMARK(Sha256Blocks);
BENCHMARK(Put<Memory>)->Arg(kBlocks)->Iterations(3);
BENCHMARK(Find<Memory>)->Args({kBlocks, 1})->Args({kBlocks, 0});
BENCHMARK(Put<RocksDb<false>>)->Arg(kBlocks)->Iterations(1)->UseRealTime();
BENCHMARK(Put<RocksDb<true>>)->Arg(kBlocks)->Iterations(1)->UseRealTime();
BENCHMARK(Find<RocksDb<false>>)->Args({kBlocks, 1})->Args({kBlocks, 0});

}  // namespace
}  // namespace causeway
