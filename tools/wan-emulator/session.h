// Session: one run of the emulator, from its options to its last counters:
// script, commands, signals and time.
#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "tools/wan-emulator/control.h"
#include "tools/wan-emulator/emulator.h"

namespace causeway {

struct SessionOptions {
  EmulatorOptions emulator;
  std::string script_path;   // empty: none
  std::string control_path;  // empty: none
  bool standard_streams = false;
  Duration run_for{};  // zero: until it is ended
  bool real_time = true;
};

class Session {
 public:
  // Opens everything; frames are forwarded by run() only.
  static Result<std::unique_ptr<Session>> create(const SessionOptions& options);

  // Until a signal waits in `signal_fd`, the time is over or a command ends it.
  void run(int signal_fd);

  // Why the priority could not be had; empty: it was.
  const std::string& real_time_lack() const { return real_time_lack_; }
  nlohmann::json counters();
  std::vector<std::string> faults();

 private:
  explicit Session(const SessionOptions& options);
  Status open();
  Status change(const Change& change);
  void make_due_changes();
  Instant next_stop() const;
  std::string answer(const std::string& line);
  nlohmann::json obey(const std::string& line);

  SessionOptions options_;
  std::string real_time_lack_;
  std::unique_ptr<Emulator> emulator_;
  std::vector<Change> script_;
  size_t next_change_ = 0;
  std::vector<std::string> script_errors_;
  Control control_;
  Instant began_;
  bool ending_ = false;
};

}  // namespace causeway
