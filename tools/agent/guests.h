// Guests: what the operator does with the guests of this host, apart from
// moving them. Thread-safe.
#pragma once

#include <string>

#include "engine/base/result.h"
#include "tools/agent/host.h"

namespace causeway {

class Guests {
 public:
  explicit Guests(Host* host) : host_(host) {}

  Result<control::GuestStatus> run(const control::GuestConfig& config);
  control::GuestList list() const;
  Result<control::CheckReply> check(const std::string& name) const;
  Status stop(const std::string& name);
  // A fault on purpose.
  Status inject(const control::Fault& fault) const;

  // Ends and removes every one (the demo's agents).
  void stop_all();

 private:
  Result<GuestPaths> paths_of(const std::string& name) const;
  Status check_disk_is_free(const control::GuestConfig& config) const;
  Status remember_unstarted(const GuestRecord& record);

  Host* host_;
};

}  // namespace causeway
