// Departures: the guests on their way from this host. Thread-safe.
//
// A migration is named by its id or by its guest; one that began anew also by
// the id that it had before.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>

#include "engine/base/result.h"
#include "engine/control/handler.h"
#include "tools/agent/departure.h"
#include "tools/agent/host.h"

namespace causeway {

class Departures {
 public:
  explicit Departures(Host* host) : host_(host) {}

  // Returns when it has ended, however.
  Status migrate(const control::MigrateRequest& request,
                 const MigrationEventSink& sink);
  // Returns when all is in order again. kInvalidArgument: it was too late.
  Status cancel(const std::string& migration);
  Status hold(const std::string& migration, bool held);
  // Until the migration has ended, or for ever when none is named.
  Status watch(const std::string& migration, const WatchSink& sink);

  bool has(const std::string& id) const;
  size_t count() const;

  // Cancels what is on its way, so that calls under way end.
  void stop();

 private:
  // One has ended: the one that is tried instead, in its place, or nullptr.
  std::unique_ptr<Departure> follow(const Departure& departure, Status* status);
  // With mutex_ held.
  Result<Departure*> find(const std::string& migration);

  Host* host_;
  mutable std::mutex mutex_;
  std::condition_variable departed_;
  bool stopping_ = false;
  std::map<std::string, Departure*> departures_;  // by id
};

}  // namespace causeway
