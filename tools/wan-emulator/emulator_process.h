// EmulatorProcess: causeway-wan-emulator in the middle of a NamespacePair, for
// a demo and for tests. It ends with this object, or with our process.
//
// Not thread-safe.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "tools/network/namespace_pair.h"
#include "tools/process/child_process.h"
#include "tools/process/line_reader.h"

namespace causeway {

class EmulatorProcess {
 public:
  // `arguments`: the link's, {"--link", "100M,50ms"}; a wrong one is
  // kInvalidArgument with the emulator's sentence. Host 0 is a, host 1 is b.
  // Returns when frames pass. `pair` has a middle and outlives it; `cable`:
  // which of its.
  static Result<std::unique_ptr<EmulatorProcess>> start(
      NamespacePair* pair, const std::string& program,
      const std::vector<std::string>& arguments, int cable = 0);
  ~EmulatorProcess();
  EmulatorProcess(const EmulatorProcess&) = delete;
  EmulatorProcess& operator=(const EmulatorProcess&) = delete;

  // "both loss=1%": a change of the link, as in a script (change.h). In force
  // when this returns.
  Status set(const std::string& change);
  // As of now; wan-emulator/README.md.
  Result<nlohmann::json> counters();

  pid_t pid() const { return process_->pid(); }

 private:
  EmulatorProcess() = default;
  Status await_ready();
  Result<nlohmann::json> command(const std::string& line);
  std::string last_words();

  UniqueFd stdin_;
  UniqueFd stdout_;
  UniqueFd stderr_;
  std::optional<LineReader> reader_;
  std::optional<ChildProcess> process_;
};

}  // namespace causeway
