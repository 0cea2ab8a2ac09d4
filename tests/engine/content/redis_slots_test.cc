#include "engine/content/redis_slots.h"

#include <gtest/gtest.h>

namespace causeway {
namespace {

// As CLUSTER KEYSLOT of a redis-server 7.0 answers.
TEST(RedisSlots, AreThoseOfTheSpecification) {
  EXPECT_EQ(redis_slot("123456789"), 0x31c3);
  EXPECT_EQ(redis_slot(""), 0);
  EXPECT_EQ(redis_slot("foo"), 12182);
  EXPECT_EQ(redis_slot("{user1000}.following"), redis_slot("user1000"));
  EXPECT_EQ(redis_slot("foo{}{bar}"), 8363);
  EXPECT_EQ(redis_slot("foo{{bar}}zap"), redis_slot("{bar"));
  EXPECT_EQ(redis_slot("foo{bar}{zap}"), redis_slot("bar"));
  EXPECT_EQ(redis_slot("a{b"), redis_slot("a{b"));
}

TEST(RedisSlots, ReadsNodes) {
  EXPECT_EQ(parse_redis_node("h-1.example:7000"),
            (RedisNode{"h-1.example", 7000}));
  EXPECT_EQ(parse_redis_node("[::1]:7000"), (RedisNode{"::1", 7000}));
  EXPECT_EQ(parse_redis_node("[::1]:7000")->text(), "[::1]:7000");
  EXPECT_EQ(parse_redis_node("10.0.0.1:1")->text(), "10.0.0.1:1");
  for (const char* bad :
       {"", ":", "h", "h:", ":7000", "h:0", "h:65536", "h:-1", "h:7000x",
        "h :7000", "h/x:7000", "h\n:7000", "h:7 "}) {
    EXPECT_FALSE(parse_redis_node(bad)) << bad;
  }
  EXPECT_TRUE(is_redis_host(std::string(255, 'h')));
  EXPECT_FALSE(is_redis_host(std::string(256, 'h')));
}

TEST(RedisSlots, ReadsRedirections) {
  const auto moved = parse_redis_redirect("MOVED 3999 127.0.0.1:6381");
  ASSERT_TRUE(moved);
  EXPECT_FALSE(moved->ask);
  EXPECT_EQ(moved->slot, 3999);
  EXPECT_EQ(moved->node, (RedisNode{"127.0.0.1", 6381}));
  const auto ask = parse_redis_redirect("ASK 0 fe80::1:6381");
  ASSERT_TRUE(ask);
  EXPECT_TRUE(ask->ask);
  EXPECT_EQ(ask->node, (RedisNode{"fe80::1", 6381}));
  EXPECT_EQ(parse_redis_redirect("MOVED 1 :6381")->node, (RedisNode{"", 6381}));
  for (const char* bad :
       {"", "MOVED", "MOVED 1", "MOVED 16384 h:1", "MOVED -1 h:1",
        "MOVED 1 h:1 more", "MOVED  1 h:1", "MOVED 1 h:99999", "moved 1 h:1",
        "MOVED 1x h:1", "ERR unknown command", "ASK 1 h"}) {
    EXPECT_FALSE(parse_redis_redirect(bad)) << bad;
  }
}

}  // namespace
}  // namespace causeway
