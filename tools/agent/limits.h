// Limits of the host agent, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "engine/control/limits.h"
#include "rdma/limits.h"

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
static_assert(kMoverConnectTimeout >= 2 * kRdmaConnectMax,
              "where RDMA cannot be had there is time for TCP");

// A mover that was told to cancel puts its guest back and ends in
// milliseconds; one that hangs is killed.
inline constexpr std::chrono::milliseconds kMoverCancelTimeout{10000};

// Guests that an agent asks at once: enough to hide the time that a busy
// host's VMMs take to answer, few enough to be cheap.
inline constexpr size_t kGuestsAtOnceMax = 16;

// A probe of one path. Shorter says nothing of a long line; longer, or more, is
// somebody's bill. 4 GiB are 3.4 s at 10 Gbit/s.
inline constexpr std::chrono::milliseconds kProbeTimeMin{1000};
inline constexpr std::chrono::milliseconds kProbeTimeMax{60000};
inline constexpr uint64_t kProbeBytesMax = 4ull << 30;
// As many as a migration has unless told otherwise.
inline constexpr uint32_t kProbeStreams = 2;
// Whether the caller is still there.
inline constexpr std::chrono::milliseconds kProbeLookPeriod{200};
// Those that come here: each is a process that takes all that the line gives.
inline constexpr size_t kProbesAnsweredMax = 2;
// The mover's own limits (tools/mover/probe_mover.cc) and change.
inline constexpr std::chrono::milliseconds kProbeAnswerMax{120000};
static_assert(kProbeAnswerMax > kProbeTimeMax);

// What is known of a line's loss: longer than a string of evacuations pauses,
// shorter than a line stays as it is.
inline constexpr std::chrono::hours kLossAgeMax{1};
// Measured by fewer packets it is chance: of 500, 5 % are 25 and seldom less
// than 15, and 1 % are 5 and seldom more than 10.
inline constexpr uint64_t kLossPacketsMin = 500;
// Hosts of which it is known.
inline constexpr size_t kLossesKeptMax = 1000;

// How often the other end is asked about an undecided migration: an operator
// waits for it, and a question is cheap.
inline constexpr std::chrono::milliseconds kAskPeriod{500};
inline constexpr std::chrono::milliseconds kNothingToAskPeriod{3600000};

// A verdict waits for a question under way: longer than a connect takes to
// fail, shorter than the caller's patience.
inline constexpr std::chrono::milliseconds kDecideWait{6000};
static_assert(kDecideWait.count() > kConnectTimeoutMs);
static_assert(kDecideWait.count() < kQueryTimeoutMs);

// A migrate whose movers lost each other after commit waits so long for the
// agents to find out, before its caller is told that it is undecided.
inline constexpr std::chrono::milliseconds kUndecidedWait{15000};

// A target mover whose guest runs here stays until the source has heard it, or
// cannot hear it any more: kQuicSilenceMax, 20 s, and its way out.
inline constexpr std::chrono::milliseconds kMoverLastWordMax{25000};

// A target mover that was called off and hangs: nothing of it is needed.
inline constexpr std::chrono::milliseconds kDiscardPatience{500};

// What a watcher may fall behind: at ten events a second, half a minute.
inline constexpr size_t kWatchEventsMax = 256;
// How long a watcher that has gone is kept.
inline constexpr std::chrono::milliseconds kWatchLookPeriod{1000};

// Ended migrations that the journal keeps, so that a peer that was away for
// long still gets its answer.
inline constexpr size_t kEndedMigrationsMax = 10000;

// An index that another process is writing is tried again after this, and how
// often it is seen whether the agent ends meanwhile.
inline constexpr std::chrono::milliseconds kContentRetryAfter{10000};
inline constexpr std::chrono::milliseconds kContentStopPeriod{500};

// Ended reservations that are kept for Outcome to ask about.
inline constexpr size_t kEndedArrivalsMax = 64;

}  // namespace causeway
