// The indexer's threads, in one process, so that sanitizers see them; what an
// operator sees is in tests/integration/index_test.cc.
#include "tools/content/indexer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "engine/content/redis_content_index.h"
#include "engine/content/rocksdb_content_index.h"
#include "tests/engine/content/redis_servers.h"
#include "tools/content/index_verifier.h"

namespace causeway {
namespace {

constexpr uint64_t kFiles = 40;
constexpr uint64_t kFileBytes = 1u << 20;
constexpr uint64_t kBlocks = kFiles * kFileBytes / kBlockBytes;

class IndexerTest : public testing::TestWithParam<bool> {  // in Redis
 protected:
  void SetUp() override {
    std::mt19937_64 random(3);
    std::vector<uint64_t> words(kFileBytes / sizeof(uint64_t));
    for (uint64_t i = 0; i < kFiles; ++i) {
      for (uint64_t& word : words) word = random();
      paths_.push_back(folder_.at(std::to_string(i)));
      std::ofstream(paths_.back(), std::ios::binary)
          .write(reinterpret_cast<const char*>(words.data()), kFileBytes);
    }
    if (GetParam()) {
      auto servers = RedisServers::start();
      if (!servers && servers.error().code == ErrorCode::kUnreachable) {
        GTEST_SKIP() << servers.error().message;
      }
      ASSERT_TRUE(servers) << servers.error().message;
      servers_ = std::move(*servers);
      auto store = RedisContentIndex::open({.nodes = servers_->nodes()});
      ASSERT_TRUE(store) << store.error().message;
      store_ = std::move(*store);
      return;
    }
#ifdef CAUSEWAY_THREAD_SANITIZER
    GTEST_SKIP() << "RocksDB is not built for ThreadSanitizer";
#endif
    auto store = RocksDbContentIndex::open(folder_.at("index"), {.bulk = true});
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
  }
  std::unique_ptr<Indexer> indexer(ContentCut pieces = ContentCut::kBlocks) {
    auto made = Indexer::create(*store_, ContentKey{},
                                {.workers = 4, .pieces = pieces});
    EXPECT_TRUE(made) << made.error().message;
    return made ? std::move(*made) : nullptr;
  }

  // All of it.
  Verification verify() {
    auto verifier = IndexVerifier::create(*store_, ContentKey{}, 1, 12345);
    EXPECT_TRUE(verifier);
    for (bool more = true; more;) {
      const auto step = verifier->step();
      EXPECT_TRUE(step) << step.error().message;
      more = step && *step;
    }
    return verifier->verification();
  }

  TestFolder folder_;
  std::vector<std::string> paths_;
  std::unique_ptr<RedisServers> servers_;
  std::unique_ptr<ContentStore> store_;
};

INSTANTIATE_TEST_SUITE_P(, IndexerTest, testing::Values(false, true),
                         [](const auto& it) {
                           return it.param ? "Redis" : "RocksDb";
                         });

TEST_P(IndexerTest, StoppedAtAnyMomentItGoesOn) {
  uint64_t put_bytes = 0;
  for (int run = 0; run < 100; ++run) {
    const auto it = indexer();
    ASSERT_TRUE(it->start(paths_));
    // The last runs are let alone.
    if (run < 5) {
      it->wait(std::chrono::milliseconds(5));
      it->request_stop();
    }
    while (!it->wait(std::chrono::milliseconds(2))) {
      ASSERT_TRUE(it->checkpoint());
    }
    it->stop();
    ASSERT_TRUE(it->checkpoint());
    ASSERT_TRUE(it->status());
    const IndexerProgress progress = it->progress();
    put_bytes += progress.put_bytes;
    EXPECT_EQ(progress.total_bytes, kFiles * kFileBytes);
    if (progress.files == kFiles) break;
    ASSERT_LT(progress.passed_bytes, progress.total_bytes);
  }
  // Nothing was stopped in the middle of a chunk: nothing is done twice.
  EXPECT_EQ(put_bytes, kFiles * kFileBytes);
  const Verification found = verify();
  EXPECT_EQ(found.read, kBlocks);
  EXPECT_EQ(found.stale, 0u);
  EXPECT_EQ(found.sources.size(), kFiles);
}

// Pieces come besides the blocks, also to files that have their blocks there
// already, and what is verified of them is right.
TEST_P(IndexerTest, PiecesAreIndexedBesidesBlocks) {
  paths_.resize(4);
  const auto index = [&](ContentCut pieces) {
    const auto it = indexer(pieces);
    ASSERT_TRUE(it->start(paths_));
    while (!it->wait(std::chrono::milliseconds(50))) {
    }
    ASSERT_TRUE(it->checkpoint());
    ASSERT_TRUE(it->status());
    EXPECT_EQ(it->progress().put_bytes, 4 * kFileBytes);
    EXPECT_EQ(it->progress().unchanged, 0u);
  };
  constexpr uint64_t kBlocksOfFour = 4 * kFileBytes / kBlockBytes;
  index(ContentCut::kBlocks);
  EXPECT_EQ(verify().read, kBlocksOfFour);
  index(ContentCut::kByContent);
  Verification found = verify();
  EXPECT_EQ(found.stale, 0u);
  // 5 KiB each, on average; the last of a file is cut short.
  EXPECT_GT(found.read, kBlocksOfFour + 4 * kFileBytes / 6000);
  EXPECT_LT(found.read, kBlocksOfFour + 4 * kFileBytes / 4300);
  const uint64_t pieces = found.read - kBlocksOfFour;
  index(ContentCut::kSectors);
  found = verify();
  EXPECT_EQ(found.stale, 0u);
  EXPECT_EQ(found.read, 9 * kBlocksOfFour + pieces);
  EXPECT_EQ(found.sources.size(), 4u);
}

class IndexerTrouble : public IndexerTest {};
INSTANTIATE_TEST_SUITE_P(Redis, IndexerTrouble, testing::Values(true));

// The store fails under it.
TEST_P(IndexerTrouble, SaysWhyItCannotGoOn) {
  const auto it = indexer();
  servers_->kill(0);
  servers_->kill(1);
  servers_->kill(2);
  ASSERT_TRUE(it->start(paths_));
  while (!it->wait(std::chrono::milliseconds(50))) {
  }
  it->stop();
  const Status status = it->status();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kUnreachable);
}

}  // namespace
}  // namespace causeway
