// The zero codec: a block of zeros travels as a run, not as bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/guest/region.h"

namespace causeway {

// Whether the kBlockBytes at `block` are all zero (ISA-L's zero detection:
// memory speed; a block that is not zero is left at its first bytes).
bool is_zero_block(const std::byte* block);

// The same of any bytes.
bool is_zero(std::span<const std::byte> bytes);

// How many blocks at the front of `bytes` (whole blocks, at least one) are of
// one kind, and which.
struct ZeroRun {
  uint64_t blocks = 0;
  bool zero = false;
};
ZeroRun leading_run(std::span<const std::byte> bytes);

}  // namespace causeway
