// Decisions: what this host knows and says of the outcome of migrations once
// their movers are gone (engine/control/README.md), to the other end and to
// the operator. Thread-safe.
//
// `peer`: the name of the agent that asks, empty in the clear. It is answered
// of its own migrations alone.
#pragma once

#include <map>
#include <string>

#include "engine/base/result.h"
#include "engine/control/control.pb.h"
#include "tools/agent/arrivals.h"
#include "tools/agent/departures.h"
#include "tools/agent/host.h"

namespace causeway {

class Decisions {
 public:
  Decisions(Host* host, Departures* departures, Arrivals* arrivals)
      : host_(host), departures_(departures), arrivals_(arrivals) {}

  // Has this host, the source, committed it?
  Result<control::DecisionReply> decision(const std::string& peer,
                                          const std::string& migration) const;
  // The source has committed: what is prepared here runs. Does it?
  Result<control::CommitReply> commit(const std::string& peer,
                                      const std::string& migration);

  // All that the journal has; the undecided with the command that decides.
  Result<control::MigrationList> list() const;
  // The operator's word.
  Status decide(const control::DecideRequest& request);

 private:
  bool under_way(const std::string& migration) const;
  bool never_started(const JournalEntry& entry) const;
  Status make_it_run(const std::string& migration);
  control::CommitReply answer_of(const JournalEntry& entry) const;
  control::MigrationStatus status_of(
      const JournalEntry& entry,
      const std::map<std::string, std::string>& reasons) const;

  Host* host_;
  Departures* departures_;
  Arrivals* arrivals_;
};

}  // namespace causeway
