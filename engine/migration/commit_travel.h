// How long Commit was on its way, by two clocks that nobody has compared: a
// line of the ledger. Half of its round trip is wrong by half a cut when the
// line was silent under one of the two messages, and the cut may be the most of
// the blackout.
//
//   source  ──┬── Final     Prepared ──┬──────┬── Commit     Running ──┬──
//             └────────── first ───────┘      └───────── second ───────┘
//   target             ──┬── Prepared             Commit ──┬──
//                        └───────────── between ───────────┘
#pragma once

#include "engine/base/time.h"

namespace causeway {

// Travel alone: without what an end did between two messages.
struct CommitTimes {
  Duration first{0};    // Final there and Prepared back; the source's clock
  Duration between{0};  // Prepared back and Commit there; the target's
  Duration second{0};   // Commit there and Running back; the source's
};

// The middle of what the three allow: exact to half the shorter round trip,
// whichever message was late. Within 0 and `second`, whatever a peer says.
Duration commit_travel(const CommitTimes& times);

}  // namespace causeway
