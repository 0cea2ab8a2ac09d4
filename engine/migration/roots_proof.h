// The proof of an image by its roots alone, for who has no digest table of it:
// a mover that died has taken that along.
#pragma once

#include <span>

#include "engine/base/result.h"
#include "engine/migration/image.h"

namespace causeway {

// Reads all of the image, whose tables are empty, with its digest key. An Error
// (kContentMismatch) names the first region whose root is another.
Status prove_roots(GuestImage& image, std::span<const uint64_t> roots);

}  // namespace causeway
