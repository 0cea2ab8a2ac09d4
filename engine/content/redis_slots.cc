#include "engine/content/redis_slots.h"

#include <algorithm>
#include <charconv>

#include "engine/base/host_port.h"

namespace causeway {
namespace {

constexpr size_t kHostBytesMax = 255;  // RFC 1035

bool is_host_letter(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9') || letter == '-' || letter == '.' ||
         letter == '_' || letter == ':';
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text, Number max) {
  Number value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end || value > max) return std::nullopt;
  return value;
}

// Without its first word, which `text` then is.
std::string_view take_word(std::string_view& text) {
  const size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

uint16_t crc16(std::string_view bytes) {
  uint16_t crc = 0;
  for (const char byte : bytes) {
    crc = static_cast<uint16_t>(crc ^ static_cast<uint8_t>(byte) << 8);
    for (int bit = 0; bit < 8; ++bit) {
      const bool top = (crc & 0x8000) != 0;
      crc = static_cast<uint16_t>(crc << 1 ^ (top ? 0x1021 : 0));
    }
  }
  return crc;
}

}  // namespace

std::string RedisNode::text() const { return HostPort{host, port}.text(); }

bool is_redis_host(std::string_view host) {
  return !host.empty() && host.size() <= kHostBytesMax &&
         std::ranges::all_of(host, is_host_letter);
}

std::optional<RedisNode> parse_redis_node(std::string_view text) {
  // Not parse_host_port(): a server writes IPv6 without brackets.
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  }
  const auto port = parse_number<uint16_t>(text.substr(colon + 1), UINT16_MAX);
  if (!port || *port == 0 || !is_redis_host(host)) return std::nullopt;
  return RedisNode{std::string(host), *port};
}

uint16_t redis_slot(std::string_view key) {
  const size_t open = key.find('{');
  if (open != std::string_view::npos) {
    const size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  return crc16(key) % kRedisSlots;
}

std::optional<RedisRedirect> parse_redis_redirect(std::string_view error) {
  const std::string_view kind = take_word(error);
  if (kind != "MOVED" && kind != "ASK") return std::nullopt;
  const auto slot =
      parse_number<uint16_t>(take_word(error), uint16_t{kRedisSlots - 1});
  if (!slot) return std::nullopt;
  RedisRedirect redirect{.ask = kind == "ASK", .slot = *slot, .node = {}};
  const std::string_view where = take_word(error);
  if (!error.empty()) return std::nullopt;
  // A node that does not know its own address says ":PORT".
  const bool same_host = where.starts_with(':');
  const auto node =
      parse_redis_node(same_host ? "same" + std::string(where) : where);
  if (!node) return std::nullopt;
  redirect.node = *node;
  if (same_host) redirect.node.host.clear();
  return redirect;
}

}  // namespace causeway
