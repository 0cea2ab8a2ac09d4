#include "engine/content/index_location.h"

#include "engine/content/redis_content_index.h"
#include "engine/content/rocksdb_content_index.h"

namespace causeway {
namespace {

constexpr std::string_view kRedisScheme = "redis://";

Result<std::vector<RedisNode>> parse_nodes(std::string_view text) {
  std::vector<RedisNode> nodes;
  for (bool more = true; more;) {
    const size_t comma = text.find(',');
    const std::string_view word = text.substr(0, comma);
    const auto node = parse_redis_node(word);
    if (!node || nodes.size() == kRedisNodesMax) {
      return make_error(ErrorCode::kInvalidArgument,
                        "\"{}\" is no Redis server: HOST:PORT is.", word);
    }
    nodes.push_back(*node);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
  }
  return nodes;
}

template <typename Store>
Result<std::unique_ptr<ContentStore>> as_store(
    Result<std::unique_ptr<Store>> opened) {
  if (!opened) return std::move(opened).error();
  return std::unique_ptr<ContentStore>(std::move(*opened));
}

Result<std::unique_ptr<ContentStore>> open(const std::string& location,
                                           ContentAccess access, bool bulk) {
  CAUSEWAY_ASSIGN(const auto place, parse_index_location(location));
  if (place.folder.empty()) {
    return as_store(RedisContentIndex::open(
        {.access = access, .nodes = place.nodes, .prefix = place.prefix}));
  }
  return as_store(RocksDbContentIndex::open(place.folder,
                                            {.access = access, .bulk = bulk}));
}

}  // namespace

Result<ContentIndexLocation> parse_index_location(std::string_view text) {
  ContentIndexLocation location;
  if (!text.starts_with(kRedisScheme)) {
    if (text.empty() || text.find("://") != std::string_view::npos ||
        text.find('\0') != std::string_view::npos) {
      return make_error(ErrorCode::kInvalidArgument,
                        "\"{}\" is no content index: a folder is, or "
                        "redis://HOST:PORT[,HOST:PORT...][/PREFIX].",
                        text);
    }
    location.folder = text;
    return location;
  }
  text.remove_prefix(kRedisScheme.size());
  const size_t slash = text.find('/');
  CAUSEWAY_ASSIGN(location.nodes, parse_nodes(text.substr(0, slash)));
  location.prefix = "causeway";
  if (slash == std::string_view::npos || slash + 1 == text.size()) {
    return location;
  }
  location.prefix = text.substr(slash + 1);
  if (is_redis_prefix(location.prefix)) return location;
  return make_error(ErrorCode::kInvalidArgument,
                    "\"{}\" is no prefix of keys: 1 to {} letters, digits, "
                    "'-', '_' and '.' are.",
                    location.prefix, kRedisPrefixBytesMax);
}

Result<std::unique_ptr<ContentStore>> open_content_store(
    const std::string& location, ContentAccess access) {
  return open(location, access, /*bulk=*/true);
}

Result<std::unique_ptr<ContentIndex>> open_content_index(
    const std::string& location, ContentAccess access) {
  CAUSEWAY_ASSIGN(std::unique_ptr<ContentIndex> index,
                  open(location, access, /*bulk=*/false));
  return index;
}

}  // namespace causeway
