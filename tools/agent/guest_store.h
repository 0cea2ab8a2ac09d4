// GuestStore: an agent's state directory, from which an agent that starts
// finds the guests again that an earlier one left running.
//
//   STATE/                     0700
//     lock                     held by the agent that uses STATE
//     journal.db*              engine/control/journal.h
//     agent.sock               the agent, for callers on this host
//     guests/NAME/             0700
//       guest.json             the GuestRecord
//       disk.raw               unless the operator gave a file
//       shim.sock monitor.sock vmm.log
//     guests/.NAME             one that is being made or removed: never there
//                              while a guest's VMM is
//
// Thread-safe: holds no state but the directory; the caller sees to it that
// one thread at a time works on one guest.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"
#include "engine/control/control.pb.h"

namespace causeway {

struct GuestRecord {
  control::GuestConfig config;
  pid_t pid = -1;  // of the VMM; -1: none has been let go (vmm_launcher.h)
  uint64_t start_ticks = 0;
  // The migration that is bringing it, until it runs here.
  std::string incoming;
};

struct GuestPaths {
  std::string folder;
  std::string record;
  std::string disk;  // where the agent makes one
  std::string shim_socket;
  std::string monitor_socket;
  std::string log;
};

class GuestStore {
 public:
  // Creates what is missing, removes what an earlier agent was making or
  // removing. kAlreadyExists: another agent has it.
  static Result<GuestStore> open(const std::string& state_folder);

  const std::string& folder() const { return folder_; }
  std::string journal() const { return folder_ + "/journal.db"; }
  GuestPaths paths(const std::string& name) const;

  // Makes the guest's folder, at once with its record. kAlreadyExists when
  // there is one.
  Result<GuestPaths> create(const GuestRecord& record) const;
  Status save(const GuestRecord& record) const;
  Result<GuestRecord> load(const std::string& name) const;
  // All that is in the guest's folder. The operator's disk is not.
  void remove(const std::string& name) const;

  std::vector<std::string> names() const;

 private:
  GuestStore(std::string folder, UniqueFd lock)
      : folder_(std::move(folder)), lock_(std::move(lock)) {}

  std::string folder_;
  UniqueFd lock_;
};

// Names become folders and sockets: letters, digits, '.', '_', '-', not first
// a '.' or '-', at most kNameBytesMax.
Status check_guest_name(const std::string& name);

}  // namespace causeway
