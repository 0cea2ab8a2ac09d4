// RepairShare: how much repair a group gets. A pure function of what was
// measured.
//
// Of n = sources + repairs symbols each is lost with the same chance, on its
// own; a group fails when more than `repairs` are. `repairs` is the least for
// which that happens to one group in kGroupFailuresMax at most. Losses that
// come in bursts fail more often; what failed comes again over the stream.
//
// Only what goes out within the last round trip or so is worth repair: what is
// lost before has come again by the time that the last of the run has gone.
#pragma once

#include <cstddef>

#include "engine/base/time.h"

namespace causeway {

// The last round trip of a run at 1 Gbit/s and 100 ms is 140 groups: one run
// in a hundred waits for a second round trip.
inline constexpr double kGroupFailureMax = 1e-4;

// A link that has lost nothing yet still may.
inline constexpr double kLossMin = 0.001;
// Above, repair would be more than what it repairs: the stream is as good.
inline constexpr double kLossMax = 0.25;

// Groups that go out at least so many round trips before the end need no
// repair: a loss is known after 9/8 of one (RFC 9002, 6.1.2).
inline constexpr double kRepairRoundTrips = 1.5;

// At most kFecRepairsMax, which may then be too few.
size_t repairs_for(size_t sources, double loss);

// Sources of a full group: the most, up to kFecSourcesMax, for which
// kFecRepairsMax are enough.
size_t group_sources_for(double loss);

struct RunObservation {
  Duration rtt{0};          // 0: not known yet
  double bytes_s = 0;       // delivered; 0: not known yet
  size_t bytes_behind = 0;  // that wait to go after this group
};
bool worth_repair(const RunObservation& seen);

}  // namespace causeway
