// DepartureNews: what is told of a departure while it is under way: to its
// caller, until that has gone, and to those who watch.
//
// One owner, one thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "engine/control/handler.h"
#include "tools/agent/watchers.h"

namespace causeway {

class DepartureNews {
 public:
  // Tells that migration `id` has started. `watchers` and what `caller` refers
  // to outlive it.
  DepartureNews(Watchers* watchers, MigrationEventSink caller, std::string id,
                std::string guest);

  void stage(const std::string& name);
  // A `progress` event of the source's mover.
  void progress(const nlohmann::json& body);
  // The last news: it has moved, or its dry run is over.
  void report(const nlohmann::json& report);

  bool caller_has_gone() const { return caller_has_gone_; }

 private:
  void tell(const control::MigrationEvent& event);

  Watchers* watchers_;
  MigrationEventSink caller_;
  std::string id_;
  std::string guest_;
  bool caller_has_gone_ = false;
};

}  // namespace causeway
