#include "tools/process/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace causeway {
namespace {

// posix_spawn's two argument objects, freed on every way out.
class SpawnAttributes {
 public:
  SpawnAttributes() {
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_init(&actions);
  }
  ~SpawnAttributes() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;

  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
};

void set_fds(const SpawnOptions& options, posix_spawn_file_actions_t* actions) {
  const std::array<std::pair<int, int>, 3> standard = {
      {{0, options.stdin_fd}, {1, options.stdout_fd}, {2, options.stderr_fd}}};
  for (const auto& [to, from] : standard) {
    if (from >= 0) {
      posix_spawn_file_actions_adddup2(actions, from, to);
    } else {
      posix_spawn_file_actions_addopen(actions, to, "/dev/null", O_RDWR, 0);
    }
  }
  int first_closed = kPassedFd;
  if (options.pass_fd >= 0) {
    posix_spawn_file_actions_adddup2(actions, options.pass_fd, kPassedFd);
    ++first_closed;
  }
  posix_spawn_file_actions_addclosefrom_np(actions, first_closed);
}

// Nothing blocked and nothing ignored, whatever our threads do.
void set_signals(const SpawnOptions& options, posix_spawnattr_t* attributes) {
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(attributes, &none);
  sigset_t defaults;
  sigemptyset(&defaults);
  for (int signal : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD}) {
    sigaddset(&defaults, signal);
  }
  posix_spawnattr_setsigdefault(attributes, &defaults);
  int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  if (options.own_session) flags |= POSIX_SPAWN_SETSID;
  posix_spawnattr_setflags(attributes, static_cast<short>(flags));
}

// glibc 2.36 declares it without C linkage.
UniqueFd open_pidfd(pid_t pid) {
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

// A fd of 0 to 3 could be overwritten by an earlier action than its own.
bool clear_of_targets(int fd) { return fd < 0 || fd > kPassedFd; }

// Field 22 of /proc/PID/stat; the name in field 2 may hold spaces.
uint64_t read_start_ticks(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text;
  std::getline(file, text);
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int i = 3; i <= 22; ++i) {
    if (!(fields >> field)) return 0;
    if (i == 3 && field == "Z") return 0;
  }
  return std::strtoull(field.c_str(), nullptr, 10);
}

}  // namespace

std::string ExitStatus::text() const {
  if (signal == 0) return fmt::format("exit code {}", code);
  return fmt::format("signal {} ({})", signal, strsignal(signal));
}

Result<ChildProcess> ChildProcess::spawn(const SpawnOptions& options) {
  CAUSEWAY_ASSERT(!options.argv.empty());
  // What we open ourselves is above 3, since 0 to 2 are always open; only the
  // standard streams themselves may be handed on as they are.
  CAUSEWAY_ASSERT(clear_of_targets(options.pass_fd) || options.pass_fd == 3);
  SpawnAttributes spawn;
  set_fds(options, &spawn.actions);
  set_signals(options, &spawn.attributes);
  std::vector<char*> argv;
  for (const std::string& argument : options.argv) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  pid_t pid = -1;
  const int error = posix_spawnp(&pid, argv[0], &spawn.actions,
                                 &spawn.attributes, argv.data(), environ);
  if (error == ENOENT) {
    return make_error(ErrorCode::kNotFound,
                      "the program {} is missing; is Causeway built or "
                      "installed completely?",
                      options.argv[0]);
  }
  if (error != 0) return errno_error(error, "starting " + options.argv[0]);
  UniqueFd pidfd = open_pidfd(pid);
  ChildProcess child(pid, std::move(pidfd));
  if (!child.pidfd_) return errno_error(errno, "pidfd_open");
  return child;
}

Result<ChildProcess> ChildProcess::adopt(pid_t pid, uint64_t start_ticks) {
  // Opened before the comparison: afterwards the pid cannot change hands.
  UniqueFd pidfd = pid > 0 ? open_pidfd(pid) : UniqueFd();
  if (!pidfd || start_ticks == 0 || read_start_ticks(pid) != start_ticks) {
    return make_error(ErrorCode::kNotFound, "process {} is gone", pid);
  }
  return ChildProcess(pid, std::move(pidfd));
}

bool ChildProcess::lives(pid_t pid, uint64_t start_ticks) {
  auto process = adopt(pid, start_ticks);
  if (!process) return false;
  pollfd ended = {process->exit_fd(), POLLIN, 0};
  const bool alive = poll(&ended, 1, 0) == 0;
  process->release();
  return alive;
}

uint64_t ChildProcess::start_ticks() const { return read_start_ticks(pid_); }

ChildProcess::ChildProcess(pid_t pid, UniqueFd pidfd)
    : pid_(pid), pidfd_(std::move(pidfd)) {}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      ended_(other.ended_) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  std::swap(ended_, other.ended_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (pid_ < 0 || ended_) return;
  kill(SIGKILL);
  wait();
}

void ChildProcess::kill(int signal) const {
  if (pid_ < 0 || ended_) return;
  ::kill(pid_, signal);
}

// The pidfd tells the end of adopted processes too, which waitpid() refuses.
std::optional<ExitStatus> ChildProcess::wait_until(int poll_timeout_ms) {
  if (ended_) return ended_;
  CAUSEWAY_ASSERT(pid_ > 0);
  pollfd poll_fd = {pidfd_.get(), POLLIN, 0};
  int ready = 0;
  do {
    ready = poll(&poll_fd, 1, poll_timeout_ms);
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) return std::nullopt;
  int status = 0;
  ExitStatus exit;
  if (waitpid(pid_, &status, 0) == pid_) {
    if (WIFSIGNALED(status)) exit.signal = WTERMSIG(status);
    if (WIFEXITED(status)) exit.code = WEXITSTATUS(status);
  }
  ended_ = exit;
  return ended_;
}

std::optional<ExitStatus> ChildProcess::wait(
    std::chrono::milliseconds timeout) {
  return wait_until(static_cast<int>(timeout.count()));
}

ExitStatus ChildProcess::wait() { return *wait_until(-1); }

Result<Pipe> make_pipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return errno_error(errno, "pipe2");
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::string program_folder() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "." : self.parent_path().string();
}

}  // namespace causeway
