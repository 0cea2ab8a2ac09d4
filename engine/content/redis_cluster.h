// RedisCluster: the nodes of a Redis cluster as one: sends commands to the node
// that has their key's slot, follows MOVED (for good) and ASK (once), asks
// again who has what when a node is gone. A server without cluster mode is a
// cluster of one. Debian has no client library that does this (libhiredis has
// none of it), hence ours; source: redis_slots.h.
//
// Commands of one call go out in a pipeline a node; those of one key run in
// their order. Commands may run twice when a connection breaks: they must bear
// that. Owned by one thread at a time.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/content/redis_connection.h"

namespace causeway {

// One command of one key.
struct RedisCommand {
  std::string key;
  std::string wire;  // redis_command()
};

class RedisCluster {
 public:
  // Any of `seeds` says where the others are. kUnreachable: none answers.
  static Result<std::unique_ptr<RedisCluster>> connect(
      std::vector<RedisNode> seeds);

  // Replies in the order of the commands; an error that a server answered to
  // one of them is the call's. kUnreachable: a node that has one of the keys
  // does not answer or does not serve; the next call tries it again.
  Result<std::vector<RedisReply>> run(std::span<const RedisCommand> commands);
  // Of every node that has slots, one reply each.
  Result<std::vector<RedisReply>> run_on_all(const std::string& wire);

  // What it followed so far.
  uint64_t moved() const { return moved_; }
  uint64_t asked() const { return asked_; }

 private:
  static constexpr uint16_t kNoNode = UINT16_MAX;
  struct Member {
    RedisNode node;
    std::unique_ptr<RedisConnection> connection;  // while it works
  };
  // Of a call: what is still to be done, and where.
  struct Work {
    size_t command = 0;
    uint16_t member = 0;
    bool ask = false;
  };
  struct Call;

  explicit RedisCluster(std::vector<RedisNode> seeds)
      : seeds_(std::move(seeds)) {
    slots_.fill(kNoNode);
  }

  Result<uint16_t> member_of(const RedisNode& node);
  Result<RedisConnection*> connection_to(uint16_t member,
                                         const RedisDeadline& deadline);
  Result<RedisReply> ask_one(uint16_t member, const std::string& wire,
                             const RedisDeadline& deadline);
  Status learn_slots(const RedisDeadline& deadline);
  Status learn_slots_from(uint16_t member, const RedisDeadline& deadline);
  Status take_slot_range(const RedisReply& range, const RedisNode& asked);

  Status round(Call* call);
  Status send_to(uint16_t member, Call* call);
  Status receive_from(uint16_t member, Call* call);
  void take_reply(const Work& work, RedisReply&& reply, Call* call);
  Status follow(const Work& work, const RedisRedirect& redirect, Call* call);
  void lose(uint16_t member, const Error& error, Call* call);
  Status look_again(Call* call);
  std::vector<uint16_t> members_of(const std::vector<Work>& works) const;
  std::vector<uint16_t> members_with_slots() const;

  std::vector<RedisNode> seeds_;
  std::vector<Member> members_;
  std::array<uint16_t, kRedisSlots> slots_;
  uint64_t moved_ = 0;
  uint64_t asked_ = 0;
};

}  // namespace causeway
