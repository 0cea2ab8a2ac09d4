// DepartureReport: the report of a move as its caller gets it: what the
// source's mover found, and what only the two agents can say.
//
//   "begun_anew": {why, seconds}    and "total_s" counts those seconds too
//   "guest_blackout_ms"             by the guest's own clock
//   "guest_steps_lost"              of its workers; missing when one of its two
//                                   monitors does not say
//   "target": {...}                 what the target's mover found
//
// Pure: all of it is an argument.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "engine/base/result.h"
#include "engine/control/control.pb.h"
#include "tools/agent/metrics.h"

namespace causeway {

// `why` a move was given up for this one, after how many seconds.
void add_begun_anew(nlohmann::json* report, const std::string& why,
                    double earlier_s);

// `frozen_monitor`: what the monitor of the frozen guest here says, with its
// step counters; the target's are those that it began with.
void add_outcome(nlohmann::json* report, const control::OutcomeReply& outcome,
                 const Result<nlohmann::json>& frozen_monitor);

// For the metrics.
MovedCounts moved_counts(const nlohmann::json& report);

}  // namespace causeway
