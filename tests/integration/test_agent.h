// TestAgent: an agent of a test's own, with what a test asks of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/integration/command.h"
#include "tests/integration/processes.h"
#include "tools/network/namespace_pair.h"

namespace causeway::integration {

struct TestAgentOptions {
  std::string state_folder;            // default: in the test's folder
  std::vector<std::string> arguments;  // more of the agent's
  std::vector<std::string> wrapper;    // a program that starts it
  std::string stop_at = {};            // of its movers and itself
  bool clear = false;                  // without TLS
  std::string listen = {};             // default: any port of its host
  // Hosts whose guests may come.
  std::vector<std::string> allow = {"A", "B"};
  // Where it lives instead of the loopback, and which of the two hosts it is.
  NamespacePair* network = nullptr;
  int host = 0;
};

class TestAgent {
 public:
  // Starts it and waits until it answers.
  TestAgent(const TestFolder& folder, const std::string& name,
            TestAgentOptions options = {});
  // Stops its guests, then it.
  ~TestAgent();
  TestAgent(const TestAgent&) = delete;
  TestAgent& operator=(const TestAgent&) = delete;

  // Where other agents call it.
  const std::string& address() const { return address_; }
  // Where the test's commands do.
  std::string operator_address() const;
  const std::string& state_folder() const { return options_.state_folder; }
  std::string log() const { return read_file(log_path_); }
  pid_t pid() const { return process_->pid(); }

  bool runs() const { return process_.has_value(); }
  // SIGTERM, or SIGKILL; waits for the end.
  void stop(int signal);
  // Once more, on the same state folder and port.
  void start();

  CommandResult run_guest(const std::string& name,
                          const std::vector<std::string>& arguments) const;
  CommandResult guest(const std::string& command,
                      const std::string& name) const;
  // Of `guest list`; {} when it is not there.
  nlohmann::json status(const std::string& name) const;
  bool wait_until_filled(const std::string& name) const;
  std::vector<std::string> guests() const;
  // Whether it answers the operator at all.
  bool list_works() const { return list().is_object(); }

  // Of `status`: those under way and undecided.
  nlohmann::json migrations() const;
  // How many are undecided; many when it does not answer.
  size_t undecided() const;

  // 0: there is none. Of the movers, any.
  pid_t mover() const;
  pid_t vmm_of(const std::string& name) const;

  // Files and folders of guests, processes and sockets under the state
  // folder, movers of this agent: each a line. Empty when it has nothing.
  std::string leftovers() const;

 private:
  nlohmann::json ask(std::vector<std::string> command) const;
  nlohmann::json list() const { return ask({"guest", "list"}); }
  std::vector<std::string> arguments() const;
  std::string host_address() const;

  const TestFolder& folder_;
  std::string name_;
  TestAgentOptions options_;
  std::string log_path_;
  std::string address_;
  std::optional<ChildProcess> process_;
};

}  // namespace causeway::integration
