// UNIX stream sockets of the monitor: listening (0600) and connecting.
#pragma once

#include <string>

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"

namespace causeway::lab {

// A stale socket (nobody listens) is replaced; a live one is kAlreadyExists.
Result<UniqueFd> listen_unix(const std::string& path);
Result<UniqueFd> connect_unix(const std::string& path);

}  // namespace causeway::lab
