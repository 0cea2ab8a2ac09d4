// Limits of the shim protocol; those of guests, regions and blobs are in
// engine/base/limits.h.
#pragma once

#include <chrono>
#include <cstddef>

#include "engine/base/limits.h"

namespace causeway {

// The longest a call to the VMM may take. A pause waits for the disk I/O in
// flight, which a busy disk may hold for seconds; a VMM that is silent for
// longer hangs.
inline constexpr std::chrono::milliseconds kShimCallTimeout{10'000};

// A sentence for the operator.
inline constexpr size_t kSentenceBytesMax = 1024;

// One message: the hello is the largest, with the features and all regions.
inline constexpr size_t kShimMessageBytesMax = 128u << 10;

// The hello carries one descriptor a region and the owed memfd.
inline constexpr size_t kShimFdsMax = kRegionsMax + 1;

static_assert(kShimMessageBytesMax > kFeaturesBytesMax +
                                         kRegionsMax * (kNameBytesMax + 32) +
                                         4 * kNameBytesMax + kSentenceBytesMax);
// SCM_MAX_FD of the kernel.
static_assert(kShimFdsMax <= 253);
// The kernel's default send buffer must take the largest message whole.
static_assert(kShimMessageBytesMax < 200u << 10);

}  // namespace causeway
