#include "engine/content/rocksdb_content_index.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/contract/content_index_contract.h"
#include "tests/contract/content_store_contract.h"
#include "tests/engine/content/test_folder.h"

namespace causeway {
namespace {

// Why RocksDB cannot be tried here; nullptr where it can.
#ifdef CAUSEWAY_THREAD_SANITIZER
constexpr const char* kUntried =
    "RocksDB is not built for ThreadSanitizer, which cannot see how its "
    "threads "
    "wait for each other and takes its memory for raced for";
#else
constexpr const char* kUntried = nullptr;
#endif

template <bool kBulk>
class RocksDbLab final : public ContentIndexLab {
 public:
  static Result<std::unique_ptr<ContentIndexLab>> make() {
    if (kUntried != nullptr) {
      return make_error(ErrorCode::kUnreachable, "{}", kUntried);
    }
    auto lab = std::make_unique<RocksDbLab<kBulk>>();
    CAUSEWAY_ASSIGN(
        lab->index_,
        RocksDbContentIndex::open(lab->folder_.at("index"), {.bulk = kBulk}));
    return std::unique_ptr<ContentIndexLab>(std::move(lab));
  }
  ContentIndex& index() override { return *index_; }

 private:
  TestFolder folder_;
  std::unique_ptr<RocksDbContentIndex> index_;
};

template <bool kBulk>
class RocksDbStoreLab final : public ContentStoreLab {
 public:
  static Result<std::unique_ptr<ContentStoreLab>> make() {
    if (kUntried != nullptr) {
      return make_error(ErrorCode::kUnreachable, "{}", kUntried);
    }
    return std::unique_ptr<ContentStoreLab>(new RocksDbStoreLab<kBulk>);
  }
  Result<std::unique_ptr<ContentStore>> open(ContentAccess access) override {
    CAUSEWAY_ASSIGN(auto index, RocksDbContentIndex::open(folder_.at("index"),
                                                          {.access = access}));
    return std::unique_ptr<ContentStore>(std::move(index));
  }

 private:
  TestFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(RocksDb, ContentIndexContract,
                         testing::Values(RocksDbLab<false>::make,
                                         RocksDbLab<true>::make));
INSTANTIATE_TEST_SUITE_P(RocksDb, ContentStoreContract,
                         testing::Values(RocksDbStoreLab<false>::make,
                                         RocksDbStoreLab<true>::make));

class RocksDbIndex : public testing::Test {
 protected:
  void SetUp() override {
    if (kUntried != nullptr) GTEST_SKIP() << kUntried;
  }
  void open(const RocksDbContentOptions& options = {}) {
    index_.reset();
    auto index = RocksDbContentIndex::open(path_, options);
    ASSERT_TRUE(index) << index.error().message;
    index_ = std::move(*index);
  }
  ContentSourceId add(const std::string& path) {
    const auto id = index_->add_source({ContentKind::kFile, path});
    EXPECT_TRUE(id);
    return id ? *id : 0;
  }
  Status put(ContentSourceId source, uint64_t from, uint64_t end) {
    std::vector<ContentEntry> entries;
    for (uint64_t i = from; i < end; ++i) {
      entries.push_back({digest_of(i), {source, i * kBlockBytes}});
    }
    return index_->put(entries);
  }
  uint64_t found(uint64_t from, uint64_t end) {
    std::vector<ContentDigest> digests;
    for (uint64_t i = from; i < end; ++i) digests.push_back(digest_of(i));
    std::vector<std::optional<ContentPlace>> places(digests.size());
    EXPECT_TRUE(index_->find(digests, places));
    uint64_t count = 0;
    for (uint64_t i = from; i < end; ++i) {
      const auto& place = places[i - from];
      if (place && place->offset_bytes == i * kBlockBytes) ++count;
    }
    return count;
  }

  TestFolder folder_;
  std::string path_ = folder_.at("index");
  std::unique_ptr<RocksDbContentIndex> index_;
};

TEST_F(RocksDbIndex, OutlivesItsProcess) {
  open();
  const ContentSourceId a = add("/a");
  const ContentSourceId b = add("/b");
  ASSERT_TRUE(put(a, 0, 1000));
  ASSERT_TRUE(put(b, 1000, 2000));
  ASSERT_TRUE(index_->erase(b));
  open();
  EXPECT_EQ(found(0, 1000), 1000u);
  EXPECT_EQ(found(1000, 2000), 0u);
  EXPECT_EQ(add("/a"), a);
  EXPECT_EQ(index_->source(a)->name, "/a");
  // The number of what was erased last is not given again.
  EXPECT_GT(add("/c"), b);
}

// A copy of the files in mid-run is what a killed process leaves.
TEST_F(RocksDbIndex, OutlivesAKilledProcess) {
  open();
  const ContentSourceId a = add("/a");
  ASSERT_TRUE(put(a, 0, 1000));
  const std::string copy = folder_.at("copy");
  std::filesystem::copy(path_, copy);
  index_.reset();
  path_ = copy;
  open();
  EXPECT_EQ(found(0, 1000), 1000u);
  EXPECT_EQ(add("/a"), a);
}

// Files of what was gathered, by threads that fill them at once; a digest that
// comes again counts where it came last.
TEST_F(RocksDbIndex, InBulkNothingIsLostBetweenFiles) {
  open({.bulk = true});
  const ContentSourceId a = add("/a");
  const auto digest_number = [](uint64_t number) {
    ContentDigest digest;
    const uint64_t word = number * 0x9e3779b97f4a7c15;
    std::memcpy(digest.data(), &word, sizeof(word));
    return digest;
  };
  constexpr uint64_t kBatches = 3 * kGatheredMax / kContentBatchMax / 2;
  const auto put_batches = [&](uint64_t begin, uint64_t end, uint64_t shift) {
    for (uint64_t batch = begin; batch < end; ++batch) {
      std::vector<ContentEntry> entries;
      for (uint64_t i = 0; i < kContentBatchMax; ++i) {
        const uint64_t number = batch * kContentBatchMax + i;
        entries.push_back({digest_number(number), {a, (number + shift) * 512}});
      }
      EXPECT_TRUE(index_->put(entries));
    }
  };
  std::thread even([&] { put_batches(0, kBatches / 2, 0); });
  std::thread odd([&] { put_batches(kBatches / 2, kBatches, 0); });
  even.join();
  odd.join();
  put_batches(0, 10, 7);
  ASSERT_TRUE(index_->flush());
  index_.reset();
  open();
  uint64_t wrong = 0;
  for (uint64_t batch = 0; batch < kBatches; ++batch) {
    std::vector<ContentDigest> digests;
    for (uint64_t i = 0; i < kContentBatchMax; ++i) {
      digests.push_back(digest_number(batch * kContentBatchMax + i));
    }
    std::vector<std::optional<ContentPlace>> places(kContentBatchMax);
    ASSERT_TRUE(index_->find(digests, places));
    for (uint64_t i = 0; i < kContentBatchMax; ++i) {
      const uint64_t number = batch * kContentBatchMax + i;
      const ContentPlace right{a, (number + (batch < 10 ? 7 : 0)) * 512};
      wrong += places[i] == right ? 0 : 1;
    }
  }
  EXPECT_EQ(wrong, 0u);
}

TEST_F(RocksDbIndex, WhatIsErasedLeavesTheDisk) {
  open();
  const ContentSourceId a = add("/a");
  const ContentSourceId b = add("/b");
  for (uint64_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(put(i == 0 ? b : a, i * 1000, (i + 1) * 1000));
  }
  ASSERT_TRUE(index_->compact());
  const uint64_t before = index_->stats()->disk_bytes;
  EXPECT_EQ(index_->stats()->blocks, 20000u);
  ASSERT_TRUE(index_->erase(a));
  ASSERT_TRUE(index_->compact());
  EXPECT_EQ(index_->stats()->blocks, 1000u);
  EXPECT_LT(index_->stats()->disk_bytes, before / 10);
  EXPECT_EQ(found(0, 1000), 1000u);
}

TEST_F(RocksDbIndex, KeepsToItsLimitOfTheDisk) {
  open({.disk_bytes_max = 20000});
  const ContentSourceId a = add("/a");
  ASSERT_TRUE(put(a, 0, 1000));
  ASSERT_TRUE(index_->compact());
  const Status full = put(a, 1000, 2000);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kNoSpace);
  EXPECT_NE(full.error().message.find("20000"), std::string::npos);
  EXPECT_EQ(found(0, 1000), 1000u);
  EXPECT_EQ(found(1000, 2000), 0u);
}

TEST_F(RocksDbIndex, SaysThatItIsInUse) {
  open();
  const auto second = RocksDbContentIndex::open(path_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
  EXPECT_NE(second.error().message.find(path_), std::string::npos);
}

TEST_F(RocksDbIndex, SaysThatItIsDamaged) {
  open();
  ASSERT_TRUE(put(add("/a"), 0, 1000));
  ASSERT_TRUE(index_->compact());
  index_.reset();
  for (const auto& file : std::filesystem::directory_iterator(path_)) {
    if (file.path().filename().string().starts_with("MANIFEST")) {
      std::ofstream(file.path(), std::ios::binary) << "rubbish in its place";
    }
  }
  const auto damaged = RocksDbContentIndex::open(path_);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, ErrorCode::kIo);
  EXPECT_NE(damaged.error().message.find("index again"), std::string::npos);
}

TEST_F(RocksDbIndex, NeedsItsParentFolder) {
  const auto nowhere = RocksDbContentIndex::open(folder_.at("no/where"));
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, ErrorCode::kNotFound);
}

TEST_F(RocksDbIndex, ItsFolderIsItsOwners) {
  open();
  EXPECT_EQ(std::filesystem::status(path_).permissions(),
            std::filesystem::perms::owner_all);
}

class RocksDbReader : public RocksDbIndex {
 protected:
  void read() {
    auto index =
        RocksDbContentIndex::open(path_, {.access = ContentAccess::kReadOnly});
    ASSERT_TRUE(index) << index.error().message;
    writer_ = std::move(index_);
    index_ = std::move(*index);
  }
  std::unique_ptr<RocksDbContentIndex> writer_;
};

TEST_F(RocksDbReader, FindsWhatIsThereWhileAnotherWrites) {
  open();
  const ContentSourceId a = add("/a");
  for (uint64_t i = 0; i < 10; ++i) {
    ASSERT_TRUE(put(a, i * 1000, (i + 1) * 1000));
  }
  read();
  EXPECT_EQ(found(0, 1000), 1000u);
  EXPECT_EQ(found(9000, 10000), 1000u);
  EXPECT_EQ(index_->source(a)->name, "/a");
  // The writer goes on, and removes the files that the reader has open.
  const auto late = writer_->add_source({ContentKind::kFile, "/late"});
  ASSERT_TRUE(late);
  ASSERT_TRUE(writer_->compact());
  const std::vector<ContentEntry> more{{digest_of(20000), {*late, 0}}};
  ASSERT_TRUE(writer_->put(more));
  ASSERT_TRUE(writer_->compact());
  EXPECT_EQ(found(0, 1000), 1000u);
  EXPECT_EQ(index_->stats()->sources, 1u);
  // Who opens it anew sees it.
  std::swap(index_, writer_);
  read();
  EXPECT_EQ(index_->source(*late)->name, "/late");
  EXPECT_EQ(found(9000, 10000), 1000u);
}

TEST_F(RocksDbReader, ChangesNothing) {
  open();
  const ContentSourceId a = add("/a");
  ASSERT_TRUE(put(a, 0, 1000));
  read();
  const auto code = [](const Status& status) {
    return status ? ErrorCode::kInternal : status.error().code;
  };
  EXPECT_EQ(code(put(a, 0, 10)), ErrorCode::kPermission);
  EXPECT_EQ(code(index_->erase(a)), ErrorCode::kPermission);
  EXPECT_EQ(code(index_->compact()), ErrorCode::kPermission);
  EXPECT_EQ(index_->add_source({ContentKind::kFile, "/b"}).error().code,
            ErrorCode::kPermission);
  EXPECT_EQ(found(0, 1000), 1000u);
}

// The race between a reader that opens files and a writer that removes them.
TEST_F(RocksDbReader, OpensWhileFilesComeAndGo) {
  open();
  const ContentSourceId a = add("/a");
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (uint64_t i = 0; !done; ++i) {
      EXPECT_TRUE(put(a, i % 50 * 1000, (i % 50 + 1) * 1000));
      EXPECT_TRUE(index_->compact());
    }
  });
  for (int i = 0; i < 60; ++i) {
    const auto reader =
        RocksDbContentIndex::open(path_, {.access = ContentAccess::kReadOnly});
    EXPECT_TRUE(reader) << reader.error().message;
  }
  done = true;
  writer.join();
}

TEST_F(RocksDbReader, SaysThatThereIsNoIndex) {
  const auto none =
      RocksDbContentIndex::open(path_, {.access = ContentAccess::kReadOnly});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(path_));
  std::filesystem::create_directory(path_);
  const auto empty =
      RocksDbContentIndex::open(path_, {.access = ContentAccess::kReadOnly});
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace causeway
