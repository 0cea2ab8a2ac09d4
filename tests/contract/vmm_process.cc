#include "tests/contract/vmm_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <utility>

extern char** environ;

namespace causeway {
namespace {

constexpr int kReadyFd = 3;
constexpr int kReadyTimeoutMs = 30'000;
constexpr std::chrono::seconds kAskTimeout{60};

// "ready", or "error CODE MESSAGE".
Status read_ready(int fd) {
  std::string line;
  char byte = 0;
  while (true) {
    pollfd poll_fd{fd, POLLIN, 0};
    if (::poll(&poll_fd, 1, kReadyTimeoutMs) <= 0)
      return make_error(ErrorCode::kTimeout, "the VMM did not get ready");
    if (::read(fd, &byte, 1) != 1)
      return make_error(ErrorCode::kInternal, "the VMM ended: {}", line);
    if (byte == '\n') break;
    line += byte;
  }
  if (line == "ready") return {};
  const size_t code_end = line.find(' ', 6);
  const auto code = error_code_from_name(line.substr(6, code_end - 6));
  return Error{code.value_or(ErrorCode::kInternal), line};
}

}  // namespace

Result<VmmProcess> VmmProcess::start(const std::string& binary,
                                     std::vector<std::string> arguments,
                                     uint64_t disk_bytes) {
  char directory[] = "/tmp/causeway-vmm-XXXXXX";
  if (::mkdtemp(directory) == nullptr) return errno_error(errno, "mkdtemp");
  VmmProcess vmm{std::string(directory)};
  if (disk_bytes > 0) {
    const UniqueFd disk(
        ::open(vmm.disk_path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!disk || ::ftruncate(disk.get(), static_cast<off_t>(disk_bytes)) != 0)
      return errno_error(errno, "make the disk");
    arguments.insert(arguments.end(), {"--disk", vmm.disk_path()});
  }
  arguments.insert(arguments.end(),
                   {"--shim-socket", vmm.shim_socket(), "--monitor-socket",
                    vmm.monitor_socket(), "--log", vmm.directory_ + "/log",
                    "--ready-fd", std::to_string(kReadyFd)});
  CAUSEWAY_TRY(vmm.spawn(binary, std::move(arguments)));
  return vmm;
}

Status VmmProcess::spawn(const std::string& binary,
                         std::vector<std::string> arguments) {
  const char* folder = std::getenv("CAUSEWAY_BIN");
  if (folder == nullptr) {
    return make_error(ErrorCode::kInvalidArgument,
                      "set CAUSEWAY_BIN to the folder of the binaries");
  }
  arguments.insert(arguments.begin(), std::string(folder) + "/" + binary);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  int ready[2];
  if (::pipe2(ready, O_CLOEXEC) != 0) return errno_error(errno, "pipe");
  const UniqueFd reader(ready[0]);
  UniqueFd writer(ready[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, writer.get(), kReadyFd);
  const int failure =
      ::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) {
    pid_ = -1;
    return errno_error(failure, std::string("start ") + argv[0]);
  }
  writer.reset();
  return read_ready(reader.get());
}

VmmProcess::VmmProcess(VmmProcess&& other) noexcept
    : directory_(std::exchange(other.directory_, "")),
      pid_(std::exchange(other.pid_, -1)) {}

VmmProcess::~VmmProcess() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (!directory_.empty()) std::filesystem::remove_all(directory_);
}

nlohmann::json VmmProcess::ask(const std::string& command) {
  auto client = lab::MonitorClient::connect(monitor_socket());
  if (!client) {
    ADD_FAILURE() << client.error().message;
    return {};
  }
  auto answer = client->call({{"command", command}}, kAskTimeout);
  if (!answer) {
    ADD_FAILURE() << command << ": " << answer.error().message;
    return {};
  }
  return std::move(*answer);
}

int VmmProcess::stop() {
  ask("stop");
  int status = -1;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace causeway
