// RedisConnection: one Redis server: commands go out, replies come in, in their
// order, within a time limit. hiredis reads the replies; what they claim is
// bounded before it is believed: elements, bytes.
//
// Owned by one thread. After any Error it is closed: replies would no longer
// belong to their commands.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"
#include "engine/content/redis_slots.h"

namespace causeway {

struct RedisReply {
  enum class Type { kNil, kInteger, kText, kArray, kError };
  Type type = Type::kNil;
  int64_t integer = 0;
  std::string text;                  // of kText and kError
  std::vector<RedisReply> elements;  // of kArray

  bool is(Type other) const { return type == other; }
};

// A command as it goes over the wire.
std::string redis_command(std::initializer_list<std::string_view> arguments);
std::string redis_command(const std::vector<std::string_view>& arguments);

// When a call is to be over, as a descriptor, since the engine has no clock.
class RedisDeadline {
 public:
  // kIo: no descriptor is left. Ends kRedisCallMsMax from now.
  static Result<RedisDeadline> start();
  int fd() const { return fd_.get(); }

 private:
  explicit RedisDeadline(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

class RedisConnection {
 public:
  // kUnreachable, kTimeout: with the node's name.
  static Result<std::unique_ptr<RedisConnection>> connect(
      const RedisNode& node, const RedisDeadline& deadline);
  ~RedisConnection();

  // To the wire, as far as the server takes them.
  Status send(const std::string& commands, const RedisDeadline& deadline);
  // The next `count` replies, one a command that was sent. kConnectionLost,
  // kTimeout, kPeerBroken: bytes that are no reply, or too many of them.
  Result<std::vector<RedisReply>> receive(size_t count,
                                          const RedisDeadline& deadline);

 private:
  struct Impl;
  explicit RedisConnection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace causeway
