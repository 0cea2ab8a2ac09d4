// NewGuest: a guest in the making, by the operator's wish or for one that
// arrives. Until settle() all of it goes with this object: process, sockets,
// folder, disk and name.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine/base/result.h"
#include "tools/agent/host.h"

namespace causeway {

class NewGuest {
 public:
  // Takes the name, checks the host's memory and disk space, makes folder and
  // disk, starts the VMM. `incoming`: the migration that brings the guest;
  // empty to boot it here.
  static Result<std::unique_ptr<NewGuest>> begin(
      Host* host, const control::GuestConfig& config,
      const std::string& incoming);
  // One that an earlier agent was receiving. Without `vmm` only its folder is
  // left.
  static std::unique_ptr<NewGuest> adopt(Host* host, GuestRecord record,
                                         GuestTable::Claim claim,
                                         std::optional<ChildProcess> vmm);
  ~NewGuest();

  NewGuest(const NewGuest&) = delete;
  NewGuest& operator=(const NewGuest&) = delete;

  const GuestPaths& paths() const { return paths_; }
  pid_t pid() const { return record_.pid; }

  Status await_ready();

  // Its VMM.
  bool alive();

  // It runs here, for good.
  Status settle();
  // It should run here and does not: kept, to be looked at.
  void settle_dead(const std::string& why);
  // Lets it live, for the next agent to find.
  void leave();

 private:
  NewGuest(Host* host, GuestTable::Claim claim);
  Status make(const control::GuestConfig& config, const std::string& incoming);
  Status check_room(const control::GuestConfig& config) const;

  Host* host_;
  GuestTable::Claim claim_;
  GuestRecord record_;
  GuestPaths paths_;
  bool has_folder_ = false;
  std::optional<StartingVmm> starting_;
  std::optional<ChildProcess> vmm_;
};

// Fills in what the caller left open and refuses what cannot be, before
// anything is started. Returns a notice for the operator, or nothing.
Result<std::string> complete_config(control::GuestConfig* config);

// Ends a VMM: asks it, and kills it when it does not listen.
void stop_vmm(ChildProcess* vmm, const std::string& monitor_socket);

}  // namespace causeway
