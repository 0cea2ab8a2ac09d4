#include "tests/contract/content_store_contract.h"

#include <algorithm>
#include <set>

#include "tests/contract/content_index_contract.h"

namespace causeway {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ContentStoreContract);

void ContentStoreContract::SetUp() {
  auto lab = GetParam()();
  if (!lab && lab.error().code == ErrorCode::kUnreachable) {
    GTEST_SKIP() << lab.error().message;
  }
  ASSERT_TRUE(lab) << lab.error().message;
  lab_ = std::move(*lab);
  open();
}

void ContentStoreContract::open(ContentAccess access) {
  store_.reset();
  auto store = lab_->open(access);
  ASSERT_TRUE(store) << store.error().message;
  store_ = std::move(*store);
}

ContentSourceId ContentStoreContract::add(const std::string& path) {
  const auto id = store_->add_source({ContentKind::kFile, path});
  EXPECT_TRUE(id) << id.error().message;
  return id ? *id : 0;
}

void ContentStoreContract::put(ContentSourceId source, uint64_t from,
                               uint64_t end) {
  for (uint64_t at = from; at < end; at += kContentBatchMax) {
    std::vector<ContentEntry> entries;
    for (uint64_t i = at; i < std::min(end, at + kContentBatchMax); ++i) {
      entries.push_back({digest_of(i), {source, i * kBlockBytes}});
    }
    const Status done = store_->put(entries);
    ASSERT_TRUE(done) << done.error().message;
  }
}

std::vector<ContentEntry> ContentStoreContract::scan(uint32_t part,
                                                     uint32_t count) {
  std::vector<ContentEntry> entries;
  const Status done = store_->scan(part, count, &entries);
  EXPECT_TRUE(done) << done.error().message;
  return entries;
}

namespace {

std::vector<std::byte> note_of(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

TEST_P(ContentStoreContract, KeepsWhatItHasWhenItIsOpenedAgain) {
  const ContentSourceId a = add("/a");
  put(a, 0, 3000);
  ASSERT_TRUE(store_->note(a, note_of("so far")));
  ASSERT_TRUE(store_->flush());
  for (const auto access :
       {ContentAccess::kReadOnly, ContentAccess::kReadWrite}) {
    open(access);
    EXPECT_EQ(scan(0, kContentParts).size(), 3000u);
    const auto sources = store_->sources();
    ASSERT_TRUE(sources);
    ASSERT_EQ(sources->size(), 1u);
    EXPECT_EQ(sources->front().id, a);
    EXPECT_EQ(sources->front().source.name, "/a");
    EXPECT_EQ(sources->front().note, note_of("so far"));
  }
}

TEST_P(ContentStoreContract, ListsItsSourcesByNumber) {
  EXPECT_TRUE(store_->sources()->empty());
  std::vector<ContentSourceId> ids;
  for (int i = 0; i < 300; ++i) ids.push_back(add("/" + std::to_string(i)));
  ASSERT_TRUE(store_->erase(ids[7]));
  const auto sources = store_->sources();
  ASSERT_TRUE(sources);
  EXPECT_EQ(sources->size(), 299u);
  EXPECT_TRUE(std::ranges::is_sorted(*sources, {}, &KeptSource::id));
  for (const KeptSource& source : *sources) {
    EXPECT_NE(source.id, ids[7]);
    EXPECT_EQ(*store_->source(source.id), source.source);
    EXPECT_TRUE(source.note.empty());
  }
}

TEST_P(ContentStoreContract, ANoteIsOfALivingSourceAlone) {
  const ContentSourceId a = add("/a");
  ASSERT_TRUE(store_->note(a, note_of("one")));
  ASSERT_TRUE(store_->note(a, std::vector<std::byte>(kContentNoteBytesMax)));
  EXPECT_EQ(store_->sources()->front().note.size(), kContentNoteBytesMax);
  ASSERT_TRUE(store_->note(a, {}));
  EXPECT_TRUE(store_->sources()->front().note.empty());
  ASSERT_TRUE(store_->note(a, note_of("two")));
  ASSERT_TRUE(store_->erase(a));
  EXPECT_EQ(store_->note(a, note_of("late")).error().code,
            ErrorCode::kNotFound);
  EXPECT_NE(add("/a"), a);
  EXPECT_TRUE(store_->sources()->front().note.empty());
}

TEST_P(ContentStoreContract, ItsPartsTogetherAreAllOfIt) {
  const ContentSourceId a = add("/a");
  const ContentSourceId gone = add("/gone");
  put(a, 0, 5000);
  put(gone, 5000, 6000);
  ASSERT_TRUE(store_->erase(gone));
  std::set<ContentDigest> seen;
  uint32_t part = 0;
  for (const uint32_t count : {1u, 99u, 400000u, kContentParts - 400100u}) {
    for (const ContentEntry& entry : scan(part, count)) {
      EXPECT_TRUE(seen.insert(entry.digest).second);
      EXPECT_GE(part_of(entry.digest), part);
      EXPECT_LT(part_of(entry.digest), part + count);
      EXPECT_EQ(entry.place.source, a);
      EXPECT_EQ(entry.digest,
                digest_of(entry.place.offset_bytes / kBlockBytes));
    }
    part += count;
  }
  EXPECT_EQ(seen.size(), 5000u);
  // A tenth of the parts has about a tenth of the entries.
  EXPECT_NEAR(static_cast<double>(scan(300000, kContentParts / 10).size()), 500,
              150);
}

TEST_P(ContentStoreContract, LetsGoOfWhatErasedSourcesLeft) {
  const ContentSourceId a = add("/a");
  const ContentSourceId gone = add("/gone");
  put(a, 0, 1000);
  put(gone, 1000, 5000);
  ASSERT_TRUE(store_->flush());
  ASSERT_TRUE(store_->erase(gone));
  ASSERT_TRUE(store_->compact());
  EXPECT_EQ(store_->stats()->blocks, 1000u);
  EXPECT_EQ(store_->stats()->sources, 1u);
  EXPECT_EQ(scan(0, kContentParts).size(), 1000u);
}

TEST_P(ContentStoreContract, ChangesNothingWhenOpenedToBeRead) {
  const ContentSourceId a = add("/a");
  put(a, 0, 10);
  ASSERT_TRUE(store_->flush());
  open(ContentAccess::kReadOnly);
  const auto refused = [](const Status& status) {
    return !status && status.error().code == ErrorCode::kPermission;
  };
  const std::vector<ContentEntry> entry{{digest_of(99), {a, 0}}};
  EXPECT_TRUE(refused(store_->put(entry)));
  EXPECT_TRUE(refused(store_->erase(a)));
  EXPECT_TRUE(refused(store_->note(a, {})));
  EXPECT_TRUE(refused(store_->compact()));
  EXPECT_EQ(store_->add_source({ContentKind::kFile, "/b"}).error().code,
            ErrorCode::kPermission);
  EXPECT_EQ(scan(0, kContentParts).size(), 10u);
}

}  // namespace
}  // namespace causeway
