// The one place where the engine's time comes from.
#pragma once

#include "engine/base/time.h"

namespace causeway {

// CLOCK_MONOTONIC; the same in all processes of a host, so that times may be
// compared across the shim socket.
Instant monotonic_now();

}  // namespace causeway
