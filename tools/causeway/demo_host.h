// DemoHost: one of the demo's hosts: an agent of its own, in a folder of its
// own, that goes with it. However the demo ends, the agent sees the end of
// its stdin, stops its guests and removes its folder.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine/base/result.h"
#include "engine/control/agent_client.h"
#include "tools/causeway/demo_network.h"
#include "tools/process/child_process.h"

namespace causeway {

class DemoHost {
 public:
  // Starts the agent on host `index` of the network. Unless it is to speak in
  // the clear, host 0 makes the demo's CA in its folder, for all of them.
  static Result<std::unique_ptr<DemoHost>> start(DemoNetwork* network,
                                                 int index, bool in_clear);
  static const char* name_of(int index) { return index == 0 ? "a" : "b"; }
  // Ends the agent and waits until nothing is left.
  ~DemoHost();

  DemoHost(const DemoHost&) = delete;
  DemoHost& operator=(const DemoHost&) = delete;

  const std::string& name() const { return name_; }
  // For the other host; the demo itself calls by the local socket.
  const std::string& address() const { return address_; }
  AgentClient* client() { return client_.get(); }
  std::string log() const;

  // Any thread: the agent begins to end.
  void close();

 private:
  DemoHost(std::string name, std::string folder)
      : name_(std::move(name)), folder_(std::move(folder)) {}
  Status spawn(DemoNetwork* network, int index, bool in_clear);
  Status await_listening(int fd);

  std::string name_;
  std::string folder_;
  std::string address_;
  UniqueFd stdin_;
  UniqueFd stdout_;
  std::optional<ChildProcess> agent_;
  std::unique_ptr<AgentClient> client_;
};

// Removes the folders of demos that ended before they could do so. Returns
// how many there were.
int remove_leftovers_of_demos();

}  // namespace causeway
