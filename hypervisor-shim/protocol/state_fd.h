// The vCPU and device state on its way between VMM and mover: a memfd, since
// it may be larger than a packet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"

namespace causeway::shim {

// A memfd that holds `state` (at most kStateBytesMax) and is sealed against
// every change.
Result<UniqueFd> make_state_fd(std::span<const std::byte> state);

// The `bytes` (at most kStateBytesMax) of a descriptor from the other side.
// They are read, never mapped: whoever else holds the descriptor may shrink
// it, and an access behind its end would kill this process.
Result<std::vector<std::byte>> read_state_fd(int fd, uint64_t bytes);

}  // namespace causeway::shim
