// VmmProcess: one of our VMM binaries as a child process, with its sockets and
// its disk in a directory of its own; gone, with all of it, at the end.
#pragma once

#include <sys/types.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"
#include "hypervisor-shim/lab/monitor_client.h"

namespace causeway {

class VmmProcess {
 public:
  // `binary` in $CAUSEWAY_BIN. Sockets are added to `arguments`, and a sparse
  // disk of `disk_bytes` unless that is 0. Returns once the VMM is ready; what
  // it says otherwise is the Error.
  static Result<VmmProcess> start(const std::string& binary,
                                  std::vector<std::string> arguments,
                                  uint64_t disk_bytes);
  VmmProcess(VmmProcess&& other) noexcept;
  VmmProcess& operator=(VmmProcess&&) = delete;
  ~VmmProcess();

  std::string shim_socket() const { return directory_ + "/shim.sock"; }
  std::string monitor_socket() const { return directory_ + "/monitor.sock"; }
  std::string disk_path() const { return directory_ + "/disk"; }
  pid_t pid() const { return pid_; }

  // One monitor command; an Error fails the calling test.
  nlohmann::json ask(const std::string& command);

  // Asks the VMM to stop and waits for it; its exit code.
  int stop();

 private:
  explicit VmmProcess(std::string directory)
      : directory_(std::move(directory)) {}
  Status spawn(const std::string& binary, std::vector<std::string> arguments);

  std::string directory_;
  pid_t pid_ = -1;
};

}  // namespace causeway
