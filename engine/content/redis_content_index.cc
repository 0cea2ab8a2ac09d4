#include "engine/content/redis_content_index.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_set>

#include "engine/base/assert.h"
#include "engine/base/bytes.h"

namespace causeway {
namespace {

using Type = RedisReply::Type;

// What is left of a digest within its part; it shares four bits with that.
constexpr size_t kFieldAt = kContentPartBits / 8;
constexpr size_t kFieldBytes = kContentDigestBytes - kFieldAt;
constexpr size_t kPlaceBytes = 9;
using PlaceBytes = std::array<char, kPlaceBytes>;
static_assert(kRegionBytesMax / kContentAlignBytes <= 1ull << 40);

// Sources that one HSCAN is asked for, and how often: servers give fewer.
constexpr std::string_view kSourcesPerScan = "1000";
constexpr int kScansMax = 1 << 16;

constexpr std::string_view kBlocks = "#blocks";
constexpr std::string_view kCount = "#sources";

// The source's number; -1: no more have room.
constexpr std::string_view kAddScript = R"(
local id = redis.call('HGET', KEYS[1], 's'..ARGV[1])
if id then return tonumber(id) end
redis.call('HSETNX', KEYS[1], '#next', ARGV[2])
if redis.call('HINCRBY', KEYS[1], '#sources', 0) >= tonumber(ARGV[3]) or
   tonumber(redis.call('HGET', KEYS[1], '#next')) >= 4294967295 then
  return -1
end
id = redis.call('HINCRBY', KEYS[1], '#next', 1) - 1
redis.call('HSET', KEYS[1], 's'..ARGV[1], id, 'i'..id, ARGV[1])
redis.call('HINCRBY', KEYS[1], '#sources', 1)
return id)";
// 0: there is none.
constexpr std::string_view kEraseScript = R"(
local source = redis.call('HGET', KEYS[1], 'i'..ARGV[1])
if not source then return 0 end
redis.call('HDEL', KEYS[1], 'i'..ARGV[1], 's'..source, 'n'..ARGV[1])
redis.call('HINCRBY', KEYS[1], '#sources', -1)
return 1)";
constexpr std::string_view kNoteScript = R"(
if redis.call('HEXISTS', KEYS[1], 'i'..ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'n'..ARGV[1], ARGV[2])
return 1)";

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string_view field_of(const ContentDigest& digest) {
  return text_of(digest).substr(kFieldAt);
}

PlaceBytes pack(const ContentPlace& place) {
  const uint64_t sector = place.offset_bytes / kContentAlignBytes;
  PlaceBytes bytes;
  for (size_t i = 0; i < 4; ++i) {
    bytes[i] = static_cast<char>(place.source >> (8 * i));
  }
  for (size_t i = 0; i < 5; ++i) {
    bytes[4 + i] = static_cast<char>(sector >> (8 * i));
  }
  return bytes;
}

// From a server: what no put() has written is no place.
std::optional<ContentPlace> unpack(std::string_view text) {
  if (text.size() != kPlaceBytes) return std::nullopt;
  ByteReader reader(bytes_of(text));
  ContentPlace place;
  place.source = reader.get<uint32_t>();
  const uint64_t low = reader.get<uint32_t>();
  const uint64_t high = reader.get<uint8_t>();
  place.offset_bytes = (high << 32 | low) * kContentAlignBytes;
  if (place.source == 0 || !check_offset(place.offset_bytes)) {
    return std::nullopt;
  }
  return place;
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end) return std::nullopt;
  return value;
}

Error unbelievable_content(std::string_view what) {
  return make_error(ErrorCode::kPeerBroken,
                    "The content index in Redis has {} that cannot be "
                    "believed; is its prefix another program's?",
                    what);
}

Error no_source(ContentSourceId id) {
  return make_error(ErrorCode::kNotFound, "The content index has no source {}.",
                    id);
}

uint32_t random_start() {
  uint32_t start = 0;
  const auto got = ::getrandom(&start, sizeof(start), 0);
  CAUSEWAY_ASSERT(got == sizeof(start));
  return start / 2 + 1;
}

std::vector<ContentSourceId> sources_in(std::span<const ContentEntry> entries) {
  std::set<ContentSourceId> ids;
  for (const ContentEntry& entry : entries) ids.insert(entry.place.source);
  return {ids.begin(), ids.end()};
}

// A hash in one piece: field, value, field, value.
Result<std::vector<ContentEntry>> entries_of(uint32_t part,
                                             const RedisReply& hash) {
  if (!hash.is(Type::kArray) || hash.elements.size() % 2 != 0) {
    return unbelievable_content("a part");
  }
  std::vector<ContentEntry> entries;
  for (size_t i = 0; i < hash.elements.size(); i += 2) {
    const std::string& field = hash.elements[i].text;
    const auto place = unpack(hash.elements[i + 1].text);
    ContentEntry entry;
    entry.digest[0] = static_cast<std::byte>(part >> 12);
    entry.digest[1] = static_cast<std::byte>(part >> 4);
    if (field.size() != kFieldBytes || !place)
      return unbelievable_content("an entry");
    std::ranges::copy(bytes_of(field), entry.digest.begin() + kFieldAt);
    if (part_of(entry.digest) != part) return unbelievable_content("an entry");
    entry.place = *place;
    entries.push_back(entry);
  }
  return entries;
}

// A field of the sources' hash, into what is known of each number.
Status take_field(std::string_view field, const std::string& value,
                  std::map<ContentSourceId, KeptSource>* kept) {
  const char kind = field.empty() ? '\0' : field.front();
  if (kind != 'i' && kind != 'n') return {};
  const auto id = parse_number<ContentSourceId>(field.substr(1));
  if (!id || *id == 0 || value.size() > kRedisReplyBytesMax) {
    return unbelievable_content("a source");
  }
  KeptSource& source = (*kept)[*id];
  source.id = *id;
  if (kind == 'i') {
    auto decoded = decode_source(bytes_of(value));
    if (!decoded) return unbelievable_content("a source");
    source.source = std::move(*decoded);
  } else {
    if (value.size() > kContentNoteBytesMax)
      return unbelievable_content("a note");
    const auto bytes = bytes_of(value);
    source.note.assign(bytes.begin(), bytes.end());
  }
  return {};
}

uint64_t used_memory(const std::string& info) {
  constexpr std::string_view kWord = "\r\nused_memory:";
  const size_t at = info.find(kWord);
  if (at == std::string::npos) return 0;
  const size_t from = at + kWord.size();
  const size_t end = info.find('\r', from);
  return parse_number<uint64_t>(std::string_view(info).substr(from, end - from))
      .value_or(0);
}

}  // namespace

bool is_redis_prefix(std::string_view prefix) {
  return !prefix.empty() && prefix.size() <= kRedisPrefixBytesMax &&
         prefix.find(':') == std::string_view::npos && is_redis_host(prefix);
}

RedisContentIndex::RedisContentIndex(const RedisContentOptions& options,
                                     std::unique_ptr<RedisCluster> cluster)
    : access_(options.access),
      prefix_(options.prefix),
      sources_key_(options.prefix + ":s"),
      cluster_(std::move(cluster)) {}

Result<std::unique_ptr<RedisContentIndex>> RedisContentIndex::open(
    const RedisContentOptions& options) {
  if (!is_redis_prefix(options.prefix)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "\"{}\" is no prefix of keys: 1 to {} letters, digits, "
                      "'-', '_' and '.' are.",
                      options.prefix, kRedisPrefixBytesMax);
  }
  CAUSEWAY_ASSIGN(auto cluster, RedisCluster::connect(options.nodes));
  return std::unique_ptr<RedisContentIndex>(
      new RedisContentIndex(options, std::move(cluster)));
}

Status RedisContentIndex::check_writable() const {
  if (access_ == ContentAccess::kReadWrite) return {};
  return make_error(ErrorCode::kPermission,
                    "The content index {} in Redis was opened to be read.",
                    prefix_);
}

std::string RedisContentIndex::bucket_key(uint32_t part) const {
  return fmt::format("{}:b:{:05x}", prefix_, part);
}

Result<RedisReply> RedisContentIndex::run_on_sources(
    std::vector<std::string_view> arguments) {
  const RedisCommand command{sources_key_, redis_command(arguments)};
  CAUSEWAY_ASSIGN(auto replies, cluster_->run({&command, 1}));
  return std::move(replies.front());
}

Result<ContentSourceId> RedisContentIndex::add_source(
    const ContentSource& source) {
  CAUSEWAY_TRY(check_writable());
  CAUSEWAY_TRY(check_source(source));
  const auto bytes = encode_source(source);
  const std::string start = std::to_string(random_start());
  const std::string limit = std::to_string(kContentSourcesMax);
  const std::scoped_lock lock(mutex_);
  CAUSEWAY_ASSIGN(const RedisReply reply,
                  run_on_sources({"EVAL", kAddScript, "1", sources_key_,
                                  text_of(bytes), start, limit}));
  if (reply.is(Type::kInteger) && reply.integer == -1) {
    return make_error(ErrorCode::kNoSpace,
                      "The content index has {} sources, which is its limit: "
                      "drop some.",
                      kContentSourcesMax);
  }
  if (!reply.is(Type::kInteger) || reply.integer < 1 ||
      reply.integer >= UINT32_MAX) {
    return unbelievable_content("a number of a source");
  }
  return static_cast<ContentSourceId>(reply.integer);
}

Result<ContentSource> RedisContentIndex::source(ContentSourceId id) {
  const std::string field = fmt::format("i{}", id);
  const std::scoped_lock lock(mutex_);
  CAUSEWAY_ASSIGN(const RedisReply reply,
                  run_on_sources({"HGET", sources_key_, field}));
  if (reply.is(Type::kNil)) return no_source(id);
  auto source = decode_source(bytes_of(reply.text));
  if (!source) return unbelievable_content("a source");
  return source;
}

Result<std::vector<bool>> RedisContentIndex::living(
    const std::vector<ContentSourceId>& ids) {
  std::vector<bool> alive;
  if (ids.empty()) return alive;
  std::vector<std::string> fields;
  for (const ContentSourceId id : ids) fields.push_back(fmt::format("i{}", id));
  std::vector<std::string_view> arguments{"HMGET", sources_key_};
  arguments.insert(arguments.end(), fields.begin(), fields.end());
  CAUSEWAY_ASSIGN(const RedisReply reply, run_on_sources(std::move(arguments)));
  if (reply.elements.size() != ids.size())
    return unbelievable_content("sources");
  for (const RedisReply& element : reply.elements) {
    alive.push_back(element.is(Type::kText));
  }
  return alive;
}

Status RedisContentIndex::put(std::span<const ContentEntry> entries) {
  CAUSEWAY_ASSERT(entries.size() <= kContentBatchMax);
  CAUSEWAY_TRY(check_writable());
  for (const ContentEntry& entry : entries) {
    CAUSEWAY_TRY(check_offset(entry.place.offset_bytes));
  }
  const std::scoped_lock lock(mutex_);
  const auto ids = sources_in(entries);
  CAUSEWAY_ASSIGN(const auto alive, living(ids));
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!alive[i]) return no_source(ids[i]);
  }
  std::vector<RedisCommand> commands;
  for (const ContentEntry& entry : entries) {
    const PlaceBytes place = pack(entry.place);
    RedisCommand command{bucket_key(part_of(entry.digest)), {}};
    command.wire = redis_command({"HSET",
                                  command.key,
                                  field_of(entry.digest),
                                  {place.data(), place.size()}});
    commands.push_back(std::move(command));
  }
  CAUSEWAY_ASSIGN(const auto replies, cluster_->run(commands));
  uint64_t added = 0;
  for (const RedisReply& reply : replies) added += reply.integer == 1 ? 1 : 0;
  if (added == 0) return {};
  const std::string text = std::to_string(added);
  CAUSEWAY_TRY(run_on_sources({"HINCRBY", sources_key_, kBlocks, text}));
  return {};
}

Status RedisContentIndex::find(std::span<const ContentDigest> digests,
                               std::span<std::optional<ContentPlace>> places) {
  CAUSEWAY_ASSERT(digests.size() <= kContentBatchMax);
  CAUSEWAY_ASSERT(places.size() == digests.size());
  std::ranges::fill(places, std::nullopt);
  std::vector<RedisCommand> commands;
  for (const ContentDigest& digest : digests) {
    RedisCommand command{bucket_key(part_of(digest)), {}};
    command.wire = redis_command({"HGET", command.key, field_of(digest)});
    commands.push_back(std::move(command));
  }
  const std::scoped_lock lock(mutex_);
  CAUSEWAY_ASSIGN(const auto replies, cluster_->run(commands));
  std::set<ContentSourceId> named;
  for (size_t i = 0; i < replies.size(); ++i) {
    places[i] = unpack(replies[i].text);
    if (places[i]) named.insert(places[i]->source);
  }
  const std::vector<ContentSourceId> ids(named.begin(), named.end());
  auto alive = living(ids);
  if (!alive) {
    std::ranges::fill(places, std::nullopt);
    return alive.error();
  }
  for (auto& place : places) {
    if (!place) continue;
    const auto at = std::ranges::lower_bound(ids, place->source) - ids.begin();
    if (!(*alive)[static_cast<size_t>(at)]) place.reset();
  }
  return {};
}

Status RedisContentIndex::erase(ContentSourceId id) {
  CAUSEWAY_TRY(check_writable());
  const std::string text = std::to_string(id);
  const std::scoped_lock lock(mutex_);
  CAUSEWAY_ASSIGN(
      const RedisReply reply,
      run_on_sources({"EVAL", kEraseScript, "1", sources_key_, text}));
  if (reply.integer != 1) return no_source(id);
  return {};
}

Status RedisContentIndex::note(ContentSourceId id,
                               std::span<const std::byte> note) {
  CAUSEWAY_ASSERT(note.size() <= kContentNoteBytesMax);
  CAUSEWAY_TRY(check_writable());
  const std::string text = std::to_string(id);
  const std::scoped_lock lock(mutex_);
  CAUSEWAY_ASSIGN(const RedisReply reply,
                  run_on_sources({"EVAL", kNoteScript, "1", sources_key_, text,
                                  text_of(note)}));
  if (reply.integer != 1) return no_source(id);
  return {};
}

Result<ContentIndexStats> RedisContentIndex::stats() {
  const std::scoped_lock lock(mutex_);
  CAUSEWAY_ASSIGN(const RedisReply counts,
                  run_on_sources({"HMGET", sources_key_, kBlocks, kCount}));
  if (counts.elements.size() != 2) return unbelievable_content("counts");
  ContentIndexStats stats;
  const auto count = [&](size_t i) {
    return parse_number<uint64_t>(counts.elements[i].text).value_or(0);
  };
  stats.blocks = count(0);
  stats.sources = count(1);
  CAUSEWAY_ASSIGN(const auto infos,
                  cluster_->run_on_all(redis_command({"INFO", "memory"})));
  for (const RedisReply& info : infos) {
    stats.memory_bytes += used_memory(info.text);
  }
  return stats;
}

Result<std::vector<KeptSource>> RedisContentIndex::sources() {
  const std::scoped_lock lock(mutex_);
  std::map<ContentSourceId, KeptSource> kept;
  std::string cursor = "0";
  for (int scans = 0;; ++scans) {
    CAUSEWAY_ASSIGN(const RedisReply reply,
                    run_on_sources({"HSCAN", sources_key_, cursor, "COUNT",
                                    kSourcesPerScan}));
    if (scans == kScansMax || reply.elements.size() != 2 ||
        !parse_number<uint64_t>(reply.elements[0].text) ||
        kept.size() > 2 * kContentSourcesMax) {
      return unbelievable_content("sources");
    }
    const auto& fields = reply.elements[1].elements;
    for (size_t i = 0; i + 1 < fields.size(); i += 2) {
      CAUSEWAY_TRY(take_field(fields[i].text, fields[i + 1].text, &kept));
    }
    cursor = reply.elements[0].text;
    if (cursor == "0") break;
  }
  std::vector<KeptSource> sources;
  for (auto& [id, source] : kept) {
    // A note whose source was erased while we read.
    if (!source.source.name.empty()) sources.push_back(std::move(source));
  }
  return sources;
}

Status RedisContentIndex::scan_all(uint32_t part, uint32_t count,
                                   std::vector<ContentEntry>* entries) {
  CAUSEWAY_ASSERT(count >= 1 && count <= kContentParts &&
                  part <= kContentParts - count);
  const uint32_t end = part + count;
  while (part < end) {
    const uint32_t first = part;
    std::vector<RedisCommand> commands;
    for (; part < end && commands.size() < kContentBatchMax; ++part) {
      const std::string key = bucket_key(part);
      commands.push_back({key, redis_command({"HGETALL", key})});
    }
    CAUSEWAY_ASSIGN(const auto replies, cluster_->run(commands));
    for (uint32_t i = 0; i < replies.size(); ++i) {
      CAUSEWAY_ASSIGN(const auto found, entries_of(first + i, replies[i]));
      entries->insert(entries->end(), found.begin(), found.end());
    }
  }
  return {};
}

// Leaves those of living sources.
Status RedisContentIndex::drop_erased(std::vector<ContentEntry>* entries) {
  const auto ids = sources_in(*entries);
  std::unordered_set<ContentSourceId> dead;
  for (size_t at = 0; at < ids.size(); at += kContentBatchMax) {
    const size_t count = std::min(kContentBatchMax, ids.size() - at);
    const auto from = ids.begin() + static_cast<ptrdiff_t>(at);
    CAUSEWAY_ASSIGN(const auto alive,
                    living({from, from + static_cast<ptrdiff_t>(count)}));
    for (size_t i = 0; i < count; ++i) {
      if (!alive[i]) dead.insert(ids[at + i]);
    }
  }
  std::erase_if(*entries, [&](const ContentEntry& entry) {
    return dead.contains(entry.place.source);
  });
  return {};
}

Status RedisContentIndex::scan(uint32_t part, uint32_t count,
                               std::vector<ContentEntry>* entries) {
  const std::scoped_lock lock(mutex_);
  std::vector<ContentEntry> found;
  CAUSEWAY_TRY(scan_all(part, count, &found));
  CAUSEWAY_TRY(drop_erased(&found));
  entries->insert(entries->end(), found.begin(), found.end());
  return {};
}

Status RedisContentIndex::remove(const std::vector<ContentEntry>& entries) {
  for (size_t at = 0; at < entries.size(); at += kContentBatchMax) {
    std::vector<RedisCommand> commands;
    const size_t end = std::min(entries.size(), at + kContentBatchMax);
    for (size_t i = at; i < end; ++i) {
      const std::string key = bucket_key(part_of(entries[i].digest));
      commands.push_back(
          {key, redis_command({"HDEL", key, field_of(entries[i].digest)})});
    }
    CAUSEWAY_TRY(cluster_->run(commands));
  }
  return {};
}

Status RedisContentIndex::compact() {
  CAUSEWAY_TRY(check_writable());
  uint64_t blocks = 0;
  for (uint32_t part = 0; part < kContentParts; part += kContentBatchMax) {
    const std::scoped_lock lock(mutex_);
    std::vector<ContentEntry> all;
    CAUSEWAY_TRY(scan_all(part, kContentBatchMax, &all));
    std::vector<ContentEntry> alive = all;
    CAUSEWAY_TRY(drop_erased(&alive));
    std::vector<ContentEntry> dead;
    std::unordered_set<ContentSourceId> living_ids;
    for (const auto& entry : alive) living_ids.insert(entry.place.source);
    for (const auto& entry : all) {
      if (!living_ids.contains(entry.place.source)) dead.push_back(entry);
    }
    CAUSEWAY_TRY(remove(dead));
    blocks += alive.size();
  }
  const std::string text = std::to_string(blocks);
  const std::scoped_lock lock(mutex_);
  CAUSEWAY_TRY(run_on_sources({"HSET", sources_key_, kBlocks, text}));
  return {};
}

uint64_t RedisContentIndex::moved() {
  const std::scoped_lock lock(mutex_);
  return cluster_->moved();
}

uint64_t RedisContentIndex::asked() {
  const std::scoped_lock lock(mutex_);
  return cluster_->asked();
}

}  // namespace causeway
