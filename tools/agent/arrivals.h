// Arrivals: the guests on their way to this host, and those whose way has
// ended lately, for their sources to ask about. Thread-safe.
//
// `peer`: the name of the agent that asks, empty in the clear. What two have
// agreed on no other may ask about or discard.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "engine/base/result.h"
#include "tools/agent/arrival.h"
#include "tools/agent/host.h"

namespace causeway {

class Arrivals {
 public:
  explicit Arrivals(Host* host) : host_(host) {}

  Result<control::ReserveReply> reserve(const std::string& peer,
                                        const control::ReserveRequest& request);
  // Waits for the end.
  Result<control::OutcomeReply> outcome(const std::string& peer,
                                        const std::string& migration);
  Status discard(const std::string& peer, const std::string& migration);
  // By this host's own word.
  Status discard(const std::string& migration);

  bool under_way(const std::string& migration) const;
  size_t count_under_way() const;

  // Discards what is on its way, takes nothing any more.
  void stop();

 private:
  // nullptr when there is none.
  std::shared_ptr<Arrival> find(const std::string& migration) const;
  void forget_old();

  Host* host_;
  mutable std::mutex mutex_;
  bool stopping_ = false;
  std::map<std::string, std::shared_ptr<Arrival>> arrivals_;
  std::list<std::string> order_;  // oldest first
};

}  // namespace causeway
