// VmmLauncher: starts VMMs, one process a guest, in a session of its own so
// that a guest outlives its agent.
//
// A VMM does nothing until it is let go, and ends when its agent does before:
// so that there is never one that no record names.
#pragma once

#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/control/control.pb.h"
#include "tools/agent/guest_store.h"
#include "tools/process/child_process.h"

namespace causeway {

// A VMM that was started and has not said yet whether it is ready.
class StartingVmm {
 public:
  StartingVmm(ChildProcess process, UniqueFd leash, UniqueFd ready,
              std::string log_path)
      : process_(std::move(process)),
        leash_(std::move(leash)),
        ready_(std::move(ready)),
        log_path_(std::move(log_path)) {}

  pid_t pid() const { return process_.pid(); }
  uint64_t start_ticks() const { return process_.start_ticks(); }

  // Its pid is recorded: it may begin.
  void let_go();

  // Waits until the guest runs (a shell: until it can take a guest). On an
  // Error, the VMM's own words, the process is gone.
  Result<ChildProcess> await_ready() &&;

 private:
  ChildProcess process_;
  UniqueFd leash_;  // its standard input
  UniqueFd ready_;
  std::string log_path_;
};

class VmmLauncher {
 public:
  // `extra_arguments` go to every VMM (tests).
  VmmLauncher(std::string program_folder,
              std::vector<std::string> extra_arguments)
      : program_folder_(std::move(program_folder)),
        extra_arguments_(std::move(extra_arguments)) {}

  // `incoming`: a shell for a guest that arrives.
  Result<StartingVmm> start(const control::GuestConfig& config,
                            const GuestPaths& paths, bool incoming) const;

 private:
  std::string program_folder_;
  std::vector<std::string> extra_arguments_;
};

// The last lines of a log, for an error sentence; empty when there is none.
std::string log_tail(const std::string& path);

}  // namespace causeway
