// Limits of the host agent, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace causeway {

// A VMM maps its RAM and starts its vCPUs in milliseconds; with 2 MiB pages
// the kernel may first have to clear some.
inline constexpr std::chrono::milliseconds kVmmReadyTimeout{20000};

// A VMM that was told to stop frees its RAM at about 3 GiB/s; then it is
// killed.
inline constexpr std::chrono::milliseconds kVmmStopTimeout{30000};

// The target's mover binds a port; it does nothing else first.
inline constexpr std::chrono::milliseconds kMoverListenTimeout{5000};

// From the reservation to the first word of the source's mover. Longer means
// that the source's agent died in between.
inline constexpr std::chrono::milliseconds kMoverConnectTimeout{10000};

// A mover that was told to cancel puts its guest back and ends in
// milliseconds; one that hangs is killed.
inline constexpr std::chrono::milliseconds kMoverCancelTimeout{10000};

// Ended reservations that are kept for Outcome to ask about.
inline constexpr size_t kEndedArrivalsMax = 64;

}  // namespace causeway
