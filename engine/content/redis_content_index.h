// RedisContentIndex: a ContentStore in a Redis cluster: one index for the hosts
// of a site. A place names a file by its path: on another host it is what lies
// there under that path, or nothing, and is verified as any other. Give an
// index for itself (another prefix) to hosts that have nothing in common.
//
// Keys, all with the index's prefix:
//
//   PREFIX:s        a hash, the sources:  #next    the next number
//                                         #blocks  places put, about
//                                         s SOURCE number, in decimal
//                                         i NUMBER SOURCE
//                                         n NUMBER its note
//   PREFIX:b:XXXXX  a hash of those digests that begin with these 20 bits:
//                   last 6 bytes -> source u32, sector u40, little-endian
//
// A hash of few short entries is a list in one allocation (listpack, up to
// hash-max-listpack-entries, 512): 25 bytes a block from 16 Mi blocks on, more
// as long as there are few (README.md). Each command
// has one key, so that slots may move at any time. The numbers of a new index
// begin anywhere: when a node loses its memory, and with it the sources, what
// is left of their places is not taken for other sources'.
//
// What a server answers is checked. One lock: calls wait for each other.
// kUnreachable: a node does not answer; the next call tries again, so that one
// that is back is used again.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/content/content_store.h"
#include "engine/content/redis_cluster.h"

namespace causeway {

struct RedisContentOptions {
  ContentAccess access = ContentAccess::kReadWrite;
  std::vector<RedisNode> nodes;  // at least one, of the cluster
  std::string prefix = "causeway";
};

// 1 to kRedisPrefixBytesMax letters, digits, '-', '_', '.'.
bool is_redis_prefix(std::string_view prefix);

class RedisContentIndex final : public ContentStore {
 public:
  // kUnreachable: no node answers. kInvalidArgument: the prefix.
  static Result<std::unique_ptr<RedisContentIndex>> open(
      const RedisContentOptions& options);

  Result<ContentSourceId> add_source(const ContentSource& source) override;
  Result<ContentSource> source(ContentSourceId id) override;
  // kNoSpace: a server's maxmemory.
  Status put(std::span<const ContentEntry> entries) override;
  Status find(std::span<const ContentDigest> digests,
              std::span<std::optional<ContentPlace>> places) override;
  Status erase(ContentSourceId id) override;
  // Blocks as counted when they were put; memory of the servers in all.
  Result<ContentIndexStats> stats() override;

  Result<std::vector<KeptSource>> sources() override;
  Status note(ContentSourceId id, std::span<const std::byte> note) override;
  Status scan(uint32_t part, uint32_t count,
              std::vector<ContentEntry>* entries) override;
  Status flush() override { return {}; }
  // A place that is put meanwhile may be let go too.
  Status compact() override;

  // Redirections followed so far.
  uint64_t moved();
  uint64_t asked();

 private:
  RedisContentIndex(const RedisContentOptions& options,
                    std::unique_ptr<RedisCluster> cluster);

  Status check_writable() const;
  std::string bucket_key(uint32_t part) const;
  Result<RedisReply> run_on_sources(std::vector<std::string_view> arguments);
  // Which of `ids` are living sources.
  Result<std::vector<bool>> living(const std::vector<ContentSourceId>& ids);
  // All entries, of erased sources too.
  Status scan_all(uint32_t part, uint32_t count,
                  std::vector<ContentEntry>* entries);
  Status drop_erased(std::vector<ContentEntry>* entries);
  Status remove(const std::vector<ContentEntry>& entries);

  ContentAccess access_;
  std::string prefix_;
  std::string sources_key_;
  std::mutex mutex_;
  std::unique_ptr<RedisCluster> cluster_;
};

}  // namespace causeway
