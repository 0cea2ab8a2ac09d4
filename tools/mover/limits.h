// Limits of a mover's own, each with its reason.
#pragma once

#include "engine/base/time.h"

namespace causeway {

// A probe's source starts when the target has said where it listens.
inline constexpr Duration kProbeSourceComesMax = std::chrono::seconds(15);
// What setting a probe up and closing it may take besides the measurement.
inline constexpr Duration kProbeAroundMax = std::chrono::seconds(20);

}  // namespace causeway
