#include "engine/content/index_location.h"

#include "engine/content/rocksdb_content_index.h"

namespace causeway {

std::string content_index_in(const std::string& state_folder) {
  return state_folder + "/content-index";
}

std::string content_key_in(const std::string& state_folder) {
  return state_folder + "/content.key";
}

Result<std::unique_ptr<ContentIndex>> open_content_index(
    const std::string& location, ContentAccess access) {
  if (location.empty() || location.find("://") != std::string::npos) {
    return make_error(ErrorCode::kInvalidArgument,
                      "\"{}\" is no content index: give a folder.", location);
  }
  CAUSEWAY_ASSIGN(std::unique_ptr<ContentIndex> index,
                  RocksDbContentIndex::open(location, {.access = access}));
  return index;
}

}  // namespace causeway
