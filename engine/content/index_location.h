// Where a content index lies, as an operator writes it:
//
//   FOLDER                                        RocksDB's, of this host
//   redis://HOST:PORT[,HOST:PORT...][/PREFIX]     a Redis cluster's, of a site
//
// The hosts are some of the cluster's, from which the others are learnt; the
// prefix tells indexes in one cluster apart ("causeway" when none is given).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/content/content_store.h"
#include "engine/content/redis_slots.h"

namespace causeway {

struct ContentIndexLocation {
  std::string folder;            // empty: Redis
  std::vector<RedisNode> nodes;  // of Redis
  std::string prefix;
};

// kInvalidArgument, saying what is wrong.
Result<ContentIndexLocation> parse_index_location(std::string_view text);

// Opens what is there. kReadOnly: kNotFound when a folder has none. kReadWrite
// makes it, a folder with mode 0700, but not its parents; kAlreadyExists:
// another process writes it. kUnreachable: no node of Redis answers.
// kInvalidArgument: parse_index_location().
Result<std::unique_ptr<ContentIndex>> open_content_index(
    const std::string& location, ContentAccess access);
// As that, for who keeps it in order. What is put in a folder's gathers until
// flush(), or until something is asked.
Result<std::unique_ptr<ContentStore>> open_content_store(
    const std::string& location, ContentAccess access);

}  // namespace causeway
