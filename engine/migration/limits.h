// Limits of a migration's sessions that follow from engine/base/limits.h.
#pragma once

#include <cstdint>

#include "engine/base/limits.h"
#include "engine/guest/region.h"

namespace causeway {

// Blocks that one put holds as they are: what is read, written or hashed in
// one go.
inline constexpr uint64_t kPutBlocksMax = kPutBytesMax / kBlockBytes;

static_assert(kPutBytesMax % kBlockBytes == 0);

}  // namespace causeway
