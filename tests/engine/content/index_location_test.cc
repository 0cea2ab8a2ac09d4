#include "engine/content/index_location.h"
#include "engine/content/state_paths.h"

#include <gtest/gtest.h>

#include "tests/contract/content_index_contract.h"
#include "tests/engine/content/test_folder.h"

namespace causeway {
namespace {

TEST(IndexLocation, LiesInTheStateFolder) {
  EXPECT_EQ(content_index_in("/var/lib/x"), "/var/lib/x/content-index");
  EXPECT_EQ(content_key_in("/var/lib/x"), "/var/lib/x/content.key");
}

TEST(IndexLocation, RefusesWhatIsNone) {
  for (const char* bad :
       {"", "http://127.0.0.1/x", "://", "redis://", "redis://h", "redis://h:0",
        "redis://h:1,", "redis://,h:1", "redis://h:1/a/b", "redis://h:1/a b",
        "redis://h:1 /a", "redis://user@h:1"}) {
    const auto index = open_content_index(bad, ContentAccess::kReadOnly);
    ASSERT_FALSE(index) << bad;
    EXPECT_EQ(index.error().code, ErrorCode::kInvalidArgument) << bad;
  }
}

TEST(IndexLocation, NamesServersAndAPrefix) {
  const auto one = parse_index_location("redis://h:7000");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->folder, "");
  EXPECT_EQ(one->nodes, (std::vector<RedisNode>{{"h", 7000}}));
  EXPECT_EQ(one->prefix, "causeway");
  EXPECT_EQ(parse_index_location("redis://h:7000/")->prefix, "causeway");
  const auto more =
      parse_index_location("redis://10.0.0.1:7000,[::1]:7001/site-a");
  ASSERT_TRUE(more);
  EXPECT_EQ(more->nodes,
            (std::vector<RedisNode>{{"10.0.0.1", 7000}, {"::1", 7001}}));
  EXPECT_EQ(more->prefix, "site-a");
  EXPECT_EQ(parse_index_location("some/folder")->folder, "some/folder");
}

TEST(IndexLocation, SaysThatNoServerAnswers) {
  const auto none =
      open_content_index("redis://127.0.0.1:1", ContentAccess::kReadOnly);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kUnreachable);
}

TEST(IndexLocation, AFolderIsMadeByWhoWrites) {
#ifdef CAUSEWAY_THREAD_SANITIZER
  GTEST_SKIP() << "RocksDB is not built for ThreadSanitizer";
#endif
  const TestFolder folder;
  const std::string path = folder.at("index");
  const auto none = open_content_index(path, ContentAccess::kReadOnly);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  ContentSourceId source = 0;
  {
    const auto index = open_content_index(path, ContentAccess::kReadWrite);
    ASSERT_TRUE(index) << index.error().message;
    source = *(*index)->add_source({ContentKind::kFile, "/a"});
    const std::vector<ContentEntry> entries{{digest_of(1), {source, 512}}};
    ASSERT_TRUE((*index)->put(entries));
  }
  const auto index = open_content_index(path, ContentAccess::kReadOnly);
  ASSERT_TRUE(index) << index.error().message;
  std::optional<ContentPlace> place;
  const ContentDigest digest = digest_of(1);
  ASSERT_TRUE((*index)->find({&digest, 1}, {&place, 1}));
  EXPECT_EQ(place, (ContentPlace{source, 512}));
}

}  // namespace
}  // namespace causeway
