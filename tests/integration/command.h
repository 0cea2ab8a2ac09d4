// Runs the real binaries as an operator would, bounded in time.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/process/child_process.h"

namespace causeway::integration {

// A command that hangs is killed and fails its test.
inline constexpr std::chrono::milliseconds kCommandTimeout{60000};

// Folder of the binaries: CAUSEWAY_BIN, which ctest sets.
std::string binary_folder();

// A folder under /tmp, removed with this object, with a CA of its own. As long
// as it lives the commands that the test runs are those of "operator".
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  // The certificates of `name`, made if there are none: for --tls. It is
  // called at `addresses` besides the loopback.
  std::string certificates(
      const std::string& name,
      const std::vector<std::string>& addresses = {}) const;
  std::string authority() const { return file("pki"); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

struct CommandResult {
  int exit_code = -1;  // -1: killed by a signal, ours perhaps
  std::string out;
  std::string err;

  // For a failing test.
  std::string text() const;
};

// `causeway ARGUMENTS...` in the background.
class RunningCommand {
 public:
  // Output goes to files in `folder`.
  RunningCommand(const TestFolder& folder,
                 const std::vector<std::string>& arguments);

  pid_t pid() const { return process_.pid(); }
  void signal(int number) { process_.kill(number); }
  // Waits until the output so far has `text`; false when the command ends or
  // time is up before.
  bool wait_for_output(const std::string& text);
  CommandResult wait();

 private:
  std::string out_path_;
  std::string err_path_;
  ChildProcess process_;
};

CommandResult causeway(const TestFolder& folder,
                       const std::vector<std::string>& arguments);

std::string read_file(const std::string& path);

// Polls `condition` until it holds; false when time is up.
bool eventually(const std::function<bool()>& condition);

// Why no KVM guest can run here; empty when one can.
std::string why_no_kvm();

// Why no guest can run as a plain process here; empty when one can.
std::string why_no_process_guest();

}  // namespace causeway::integration
