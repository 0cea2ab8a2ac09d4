// Where a Redis cluster keeps a key: one of 16,384 slots, each at one node, and
// what a node says when a slot is elsewhere. Text only; no I/O.
// Source: Redis cluster specification,
// https://redis.io/docs/reference/cluster-spec/
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace causeway {

inline constexpr size_t kRedisSlots = 16384;

struct RedisNode {
  std::string host;  // a name or an address, IPv6 without brackets
  uint16_t port = 0;

  std::string text() const;  // "HOST:PORT", "[ADDR]:PORT"
  bool operator==(const RedisNode&) const = default;
};

// Nothing when it is neither a name nor an address: 1 to 255 letters, digits,
// '-', '.', '_' and ':'.
bool is_redis_host(std::string_view host);

// From "HOST:PORT" or "[ADDR]:PORT"; from a node also "ADDR:PORT" with colons
// in ADDR. Nothing when it is not that.
std::optional<RedisNode> parse_redis_node(std::string_view text);

// CRC16 (XMODEM) of the key, or of its first non-empty {...}.
uint16_t redis_slot(std::string_view key);

// "MOVED SLOT NODE": from now on there. "ASK SLOT NODE": this once.
struct RedisRedirect {
  bool ask = false;
  uint16_t slot = 0;
  RedisNode node;  // an empty host: the one that said it
};
// Of a node's error; nothing when it is another, or cannot be believed.
std::optional<RedisRedirect> parse_redis_redirect(std::string_view error);

}  // namespace causeway
