#include "engine/content/redis_content_index.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/contract/content_index_contract.h"
#include "tests/contract/content_store_contract.h"
#include "tests/engine/content/redis_servers.h"

namespace causeway {
namespace {

// Three servers for all tests of the program, and a prefix for each.
class Servers : public testing::Environment {
 public:
  void TearDown() override { servers_.reset(); }

  static Result<RedisServers*> get() {
    if (!servers_) {
      CAUSEWAY_ASSIGN(servers_, RedisServers::start());
    }
    return servers_.get();
  }
  static std::string new_prefix() {
    return "test-" + std::to_string(++prefixes_);
  }

 private:
  static inline std::unique_ptr<RedisServers> servers_;
  static inline int prefixes_ = 0;
};
[[maybe_unused]] const auto* const kEnvironment =
    testing::AddGlobalTestEnvironment(new Servers);

class RedisLab final : public ContentIndexLab {
 public:
  static Result<std::unique_ptr<ContentIndexLab>> make() {
    CAUSEWAY_ASSIGN(const auto* servers, Servers::get());
    auto lab = std::make_unique<RedisLab>();
    CAUSEWAY_ASSIGN(lab->index_,
                    RedisContentIndex::open({.nodes = {servers->node(1)},
                                             .prefix = Servers::new_prefix()}));
    return std::unique_ptr<ContentIndexLab>(std::move(lab));
  }
  ContentIndex& index() override { return *index_; }

 private:
  std::unique_ptr<RedisContentIndex> index_;
};

class RedisStoreLab final : public ContentStoreLab {
 public:
  static Result<std::unique_ptr<ContentStoreLab>> make() {
    auto lab = std::make_unique<RedisStoreLab>();
    CAUSEWAY_ASSIGN(lab->servers_, Servers::get());
    return std::unique_ptr<ContentStoreLab>(std::move(lab));
  }
  Result<std::unique_ptr<ContentStore>> open(ContentAccess access) override {
    CAUSEWAY_ASSIGN(
        auto index,
        RedisContentIndex::open(
            {.access = access, .nodes = servers_->nodes(), .prefix = prefix_}));
    return std::unique_ptr<ContentStore>(std::move(index));
  }

 private:
  RedisServers* servers_ = nullptr;
  std::string prefix_ = Servers::new_prefix();
};

INSTANTIATE_TEST_SUITE_P(Redis, ContentIndexContract,
                         testing::Values(RedisLab::make));
INSTANTIATE_TEST_SUITE_P(Redis, ContentStoreContract,
                         testing::Values(RedisStoreLab::make));

class RedisIndex : public testing::Test {
 protected:
  void SetUp() override {
    auto servers = Servers::get();
    if (!servers && servers.error().code == ErrorCode::kUnreachable) {
      GTEST_SKIP() << servers.error().message;
    }
    ASSERT_TRUE(servers) << servers.error().message;
    servers_ = *servers;
    prefix_ = Servers::new_prefix();
    index_ = open();
    ASSERT_TRUE(index_);
    file_ = *index_->add_source({ContentKind::kFile, "/a"});
  }
  std::unique_ptr<RedisContentIndex> open() {
    auto index = RedisContentIndex::open(
        {.nodes = servers_->nodes(), .prefix = prefix_});
    EXPECT_TRUE(index) << index.error().message;
    return index ? std::move(*index) : nullptr;
  }
  Status put(RedisContentIndex& index, uint64_t from, uint64_t end) {
    std::vector<ContentEntry> entries;
    for (uint64_t i = from; i < end; ++i) {
      entries.push_back({digest_of(i), {file_, i * kBlockBytes}});
    }
    return index.put(entries);
  }
  // How many of these are found at their places; an Error is none.
  uint64_t found(RedisContentIndex& index, uint64_t from, uint64_t end) {
    std::vector<ContentDigest> digests;
    for (uint64_t i = from; i < end; ++i) digests.push_back(digest_of(i));
    std::vector<std::optional<ContentPlace>> places(digests.size());
    const Status done = index.find(digests, places);
    EXPECT_TRUE(done) << done.error().message;
    uint64_t count = 0;
    for (uint64_t i = from; i < end; ++i) {
      const auto& place = places[i - from];
      if (place && place->offset_bytes == i * kBlockBytes) ++count;
    }
    return count;
  }
  uint16_t slot_of(uint64_t number) const {
    return redis_slot(
        fmt::format("{}:b:{:05x}", prefix_, part_of(digest_of(number))));
  }
  size_t other(uint16_t slot) const {
    return (servers_->owner(slot) + 1) % RedisServers::kServers;
  }

  RedisServers* servers_ = nullptr;
  std::string prefix_;
  std::unique_ptr<RedisContentIndex> index_;
  ContentSourceId file_ = 0;
};

TEST_F(RedisIndex, LearnsTheClusterFromOneNode) {
  ASSERT_TRUE(put(*index_, 0, 1000));
  for (size_t i = 0; i < RedisServers::kServers; ++i) {
    const auto one = RedisContentIndex::open(
        {.nodes = {servers_->node(i)}, .prefix = prefix_});
    ASSERT_TRUE(one);
    EXPECT_EQ(found(**one, 0, 1000), 1000u);
    EXPECT_EQ((*one)->moved(), 0u);
  }
}

TEST_F(RedisIndex, FollowsASlotThatMoves) {
  ASSERT_TRUE(put(*index_, 0, 2));
  const auto reader = open();
  ASSERT_EQ(found(*reader, 0, 1), 1u);
  const uint16_t slot = slot_of(1);
  const size_t to = other(slot);
  servers_->begin_move(slot, to);
  // The key is still there, or not yet: only who has not is asked.
  EXPECT_EQ(found(*reader, 0, 2), 2u);
  EXPECT_EQ(reader->asked(), 0u);
  servers_->end_move(slot, to);
  EXPECT_EQ(found(*reader, 0, 2), 2u);
  EXPECT_EQ(reader->moved(), 1u);
  EXPECT_EQ(found(*reader, 0, 2), 2u);
  EXPECT_EQ(reader->moved(), 1u);
}

TEST_F(RedisIndex, AsksTheNodeThatASlotMovesTo) {
  const uint16_t slot = slot_of(5);
  const size_t to = other(slot);
  servers_->begin_move(slot, to);
  EXPECT_EQ(found(*index_, 5, 6), 0u);
  EXPECT_EQ(index_->asked(), 1u);
  // New keys go where the slot goes.
  ASSERT_TRUE(put(*index_, 5, 6));
  EXPECT_EQ(found(*index_, 5, 6), 1u);
  EXPECT_EQ(index_->asked(), 3u);
  EXPECT_EQ(index_->moved(), 0u);
  servers_->end_move(slot, to);
  EXPECT_EQ(found(*index_, 5, 6), 1u);
  EXPECT_EQ(index_->moved(), 1u);
}

// Also the one of the sources.
TEST_F(RedisIndex, NothingIsLostWhileSlotsMove) {
  constexpr uint64_t kBlocks = 4000;
  const auto mover = [&](std::atomic<bool>* done) {
    const uint16_t sources = redis_slot(prefix_ + ":s");
    for (uint64_t i = 0; i < 150; ++i) {
      const uint16_t slot = i % 50 == 0 ? sources : slot_of(i * 20);
      const size_t to = other(slot);
      servers_->begin_move(slot, to);
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
      servers_->end_move(slot, to);
    }
    *done = true;
  };
  std::atomic<bool> done{false};
  std::thread moving(mover, &done);
  uint64_t puts = 0;
  while (!done || puts < kBlocks / 200) {
    const uint64_t from = puts % (kBlocks / 200) * 200;
    const Status status = put(*index_, from, from + 200);
    EXPECT_TRUE(status) << status.error().message;
    EXPECT_EQ(found(*index_, from, from + 200), 200u);
    ++puts;
  }
  moving.join();
  for (uint64_t from = 0; from < kBlocks; from += 500) {
    EXPECT_EQ(found(*index_, from, from + 500), 500u);
  }
  EXPECT_GT(index_->moved(), 10u);
  EXPECT_GT(index_->asked(), 0u);
  EXPECT_EQ(index_->stats()->blocks, kBlocks);
}

// Two hosts of a site.
TEST_F(RedisIndex, IsSharedByThoseWhoOpenIt) {
  const auto second = open();
  EXPECT_EQ(*second->add_source({ContentKind::kFile, "/a"}), file_);
  ASSERT_TRUE(put(*second, 0, 10));
  EXPECT_EQ(found(*index_, 0, 10), 10u);
  ASSERT_TRUE(second->erase(file_));
  EXPECT_EQ(found(*index_, 0, 10), 0u);
  EXPECT_EQ(put(*index_, 0, 10).error().code, ErrorCode::kNotFound);
}

TEST_F(RedisIndex, PrefixesHaveNothingInCommon) {
  ASSERT_TRUE(put(*index_, 0, 10));
  const auto another = RedisContentIndex::open(
      {.nodes = servers_->nodes(), .prefix = Servers::new_prefix()});
  ASSERT_TRUE(another);
  EXPECT_EQ(found(**another, 0, 10), 0u);
  EXPECT_EQ((*another)->stats()->sources, 0u);
  for (const char* bad : {"", "a:b", "a{b}", "a b", "a/b"}) {
    const auto none =
        RedisContentIndex::open({.nodes = servers_->nodes(), .prefix = bad});
    ASSERT_FALSE(none) << bad;
    EXPECT_EQ(none.error().code, ErrorCode::kInvalidArgument) << bad;
  }
}

// What another program has written under our names.
TEST_F(RedisIndex, BelievesNothingThatItDidNotWrite) {
  ASSERT_TRUE(put(*index_, 7, 8));
  const std::string key =
      fmt::format("{}:b:{:05x}", prefix_, part_of(digest_of(7)));
  const size_t server = servers_->owner(slot_of(7));
  const ContentDigest digest = digest_of(7);
  const std::string field(reinterpret_cast<const char*>(digest.data()) + 2, 6);
  for (const std::string& bad :
       {std::string(), std::string(8, 'x'), std::string(9, '\xff'),
        std::string(9, '\0'), std::string(100000, 'x')}) {
    servers_->say(server, {"HSET", key, field, bad});
    EXPECT_EQ(found(*index_, 7, 8), 0u);
    std::vector<ContentEntry> entries;
    const Status scanned = index_->scan(0, kContentParts, &entries);
    ASSERT_FALSE(scanned);
    EXPECT_EQ(scanned.error().code, ErrorCode::kPeerBroken)
        << scanned.error().message;
  }
  servers_->say(server, {"SET", key, "a string"});
  EXPECT_EQ(put(*index_, 7, 8).error().code, ErrorCode::kIo);
  const uint16_t slot = redis_slot(prefix_ + ":s");
  servers_->say(servers_->owner(slot),
                {"HSET", prefix_ + ":s", fmt::format("i{}", file_), "rubbish"});
  EXPECT_EQ(index_->source(file_).error().code, ErrorCode::kPeerBroken);
  EXPECT_EQ(index_->sources().error().code, ErrorCode::kPeerBroken);
}

// Last: the servers lose what they have.
TEST_F(RedisIndex, SaysThatANodeIsAwayAndUsesItWhenItIsBack) {
  ASSERT_TRUE(put(*index_, 0, 1000));
  const uint16_t sources = redis_slot(prefix_ + ":s");
  const size_t away = (servers_->owner(sources) + 1) % RedisServers::kServers;
  servers_->kill(away);
  std::vector<ContentDigest> digests;
  for (uint64_t i = 0; i < 1000; ++i) digests.push_back(digest_of(i));
  std::vector<std::optional<ContentPlace>> places(1000);
  for (int i = 0; i < 3; ++i) {
    const Status none = index_->find(digests, places);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::kUnreachable);
    EXPECT_NE(none.error().message.find("Redis server"), std::string::npos)
        << none.error().message;
    EXPECT_EQ(put(*index_, 0, 1000).error().code, ErrorCode::kUnreachable);
  }
  servers_->revive(away);
  // A third of the places is gone with the node's memory, and may come again.
  const uint64_t left = found(*index_, 0, 1000);
  EXPECT_GT(left, 400u);
  EXPECT_LT(left, 900u);
  ASSERT_TRUE(put(*index_, 0, 1000));
  EXPECT_EQ(found(*index_, 0, 1000), 1000u);
}

TEST_F(RedisIndex, ForgottenSourcesNumbersAreNotGivenAgain) {
  ASSERT_TRUE(put(*index_, 0, 100));
  const uint16_t slot = redis_slot(prefix_ + ":s");
  servers_->say(servers_->owner(slot), {"DEL", prefix_ + ":s"});
  for (int i = 0; i < 50; ++i) {
    const auto id =
        index_->add_source({ContentKind::kFile, "/b" + std::to_string(i)});
    ASSERT_TRUE(id);
    EXPECT_NE(*id, file_);
  }
  EXPECT_EQ(found(*index_, 0, 100), 0u);
}

TEST(RedisIndexAway, SaysThatNobodyAnswers) {
  const auto none =
      RedisContentIndex::open({.nodes = {{"127.0.0.1", 1}}, .prefix = "x"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kUnreachable);
  EXPECT_NE(none.error().message.find("127.0.0.1:1"), std::string::npos);
  const auto nameless = RedisContentIndex::open(
      {.nodes = {{"no-such-host.invalid", 1}}, .prefix = "x"});
  ASSERT_FALSE(nameless);
  EXPECT_EQ(nameless.error().code, ErrorCode::kUnreachable);
}

}  // namespace
}  // namespace causeway
