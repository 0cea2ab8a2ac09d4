// ChildProcess: a program that we started. Its death is a readable fd, so
// that nobody polls with sleeps.
//
// Every fd of ours stays with us (the child gets 0, 1, 2 and what `pass_fd`
// names, nothing else), signals are as a fresh program expects them.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"

namespace causeway {

struct SpawnOptions {
  std::vector<std::string> argv;  // argv[0] is a path, or a name for PATH
  // In a session of its own: outlives us and our terminal.
  bool own_session = false;
  // -1: /dev/null.
  int stdin_fd = -1;
  int stdout_fd = -1;
  int stderr_fd = -1;
  // Becomes fd kPassedFd of the child.
  int pass_fd = -1;
};

inline constexpr int kPassedFd = 3;

// How a process ended.
struct ExitStatus {
  int code = 0;    // exit code, when signal is 0
  int signal = 0;  // that killed it

  bool ok() const { return code == 0 && signal == 0; }
  std::string text() const;  // "exit code 1", "signal 9 (Killed)"
};

class ChildProcess {
 public:
  static Result<ChildProcess> spawn(const SpawnOptions& options);
  // One that an earlier run of ours had started and released. `start_ticks`
  // tells it from a stranger that has got the same pid since (kNotFound).
  // How it ended cannot be known.
  static Result<ChildProcess> adopt(pid_t pid, uint64_t start_ticks);
  // Whether that very process has not ended; to look without owning it.
  static bool lives(pid_t pid, uint64_t start_ticks);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  // Kills and reaps what still runs, unless it was released.
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  // Readable once the process has ended.
  int exit_fd() const { return pidfd_.get(); }

  // When it was started, in clock ticks since boot; 0 when it has ended.
  uint64_t start_ticks() const;

  void kill(int signal) const;
  // Reaps; nullopt when it still runs after `timeout`.
  std::optional<ExitStatus> wait(std::chrono::milliseconds timeout);
  ExitStatus wait();

  // From now on it lives and dies by itself.
  void release() { pid_ = -1; }

 private:
  ChildProcess(pid_t pid, UniqueFd pidfd);
  std::optional<ExitStatus> wait_until(int poll_timeout_ms);

  pid_t pid_ = -1;
  UniqueFd pidfd_;
  std::optional<ExitStatus> ended_;
};

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};
Result<Pipe> make_pipe();  // close-on-exec

// The folder of the running program, where Causeway's other programs are.
std::string program_folder();

}  // namespace causeway
