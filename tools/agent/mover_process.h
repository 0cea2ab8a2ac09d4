// MoverProcess: a mover and the conversation with it, one JSON object a line:
// the spec and commands on its stdin, events on its stdout. It notices the
// agent's death by the end of its stdin.
//
// One owner, one thread, except wake().
#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "engine/base/result.h"
#include "engine/base/tls_files.h"
#include "tools/process/child_process.h"
#include "tools/process/line_reader.h"

namespace causeway {

struct MoverEvent {
  enum class Kind {
    kListening,
    kStage,
    kProgress,
    kDone,
    kFailed,
    kWoken,  // wake() was called
    kTimeout,
  };
  Kind kind = Kind::kTimeout;
  nlohmann::json body;  // the whole event; empty for the last two
};

class MoverProcess {
 public:
  // Starts it; it loads while the caller finds out what it shall do.
  static Result<std::unique_ptr<MoverProcess>> start(
      const std::string& program_folder);

  pid_t pid() const { return process_.pid(); }
  uint64_t start_ticks() const { return process_.start_ticks(); }

  Status give_spec(const nlohmann::json& spec);
  Status cancel();
  // Any thread, with what keeps the mover from going held by the caller.
  Status hold(bool held);
  // No more commands: the mover leaves.
  void close_stdin() { stdin_.reset(); }

  // The next event. A mover that ended without done or failed, or that wrote
  // something else, is an Error. Below zero: no timeout.
  Result<MoverEvent> next(std::chrono::milliseconds timeout);

  // Makes next() return kWoken, once a call. Any thread.
  void wake();

  // Waits for the end, by force when it does not come in time.
  void finish(std::chrono::milliseconds timeout);
  void kill() { process_.kill(9); }

 private:
  MoverProcess(ChildProcess process, Pipe to_mover, Pipe from_mover,
               UniqueFd wake);
  Error died();

  ChildProcess process_;
  UniqueFd stdin_;
  UniqueFd stdout_;
  UniqueFd wake_;
  LineReader reader_;
};

// The spec's member "tls": this host's files, and whose certificate the other
// mover must show. In the clear there is none.
void add_tls(nlohmann::json* spec, const std::optional<TlsFiles>& tls,
             const std::string& peer);

// {"event":"failed"} as an Error; `guest_at` is where the guest is now:
// "source", "target" or "frozen".
struct MoverFailure {
  Error error;
  std::string guest_at;
};
MoverFailure failure_of(const nlohmann::json& body);

}  // namespace causeway
