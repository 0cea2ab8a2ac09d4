// Where a content index lies, as an operator writes it: a folder, which is
// RocksDB's.
#pragma once

#include <memory>
#include <string>

#include "engine/content/content_index.h"

namespace causeway {

// In an agent's state folder, where nobody says otherwise.
std::string content_index_in(const std::string& state_folder);
std::string content_key_in(const std::string& state_folder);

// Opens what is there. kReadOnly: kNotFound when there is none. kReadWrite
// makes it, a folder with mode 0700, but not its parents; kAlreadyExists:
// another process writes it. kInvalidArgument: no such kind of location.
Result<std::unique_ptr<ContentIndex>> open_content_index(
    const std::string& location, ContentAccess access);

}  // namespace causeway
