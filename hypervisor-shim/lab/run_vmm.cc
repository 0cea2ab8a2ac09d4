#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "hypervisor-shim/lab/vmm.h"

namespace causeway::lab {

namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

// One line to whoever started us; then they may go.
void write_line(int fd, std::string line) {
  std::replace(line.begin(), line.end(), '\n', ' ');
  line += '\n';
  [[maybe_unused]] const auto written = ::write(fd, line.data(), line.size());
}

int fail(const Error& error, std::optional<int> ready_fd) {
  const int exit_code =
      error.code == ErrorCode::kInvalidArgument ? kExitUsage : kExitFailed;
  if (ready_fd) {
    write_line(
        *ready_fd,
        fmt::format("error {} {}", error_code_name(error.code), error.message));
  }
  write_line(STDERR_FILENO, "error: " + error.message);
  return exit_code;
}

// A log that cannot be written (a full disk) never stops the guest.
Status open_log(const std::string& path) {
  try {
    auto logger = path.empty() ? spdlog::stderr_logger_mt("vmm")
                               : spdlog::basic_logger_mt("vmm", path);
    logger->set_error_handler([](const std::string&) {});
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
  } catch (const spdlog::spdlog_ex& error) {
    return make_error(ErrorCode::kIo, "the log file {}: {}", path,
                      error.what());
  }
  return {};
}

// SIGTERM, SIGINT and the monitor's stop, as descriptors. Made before any
// thread, so that all inherit the blocked signals.
class EndEvents {
 public:
  static Result<EndEvents> create() {
    ::signal(SIGPIPE, SIG_IGN);
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGTERM);
    ::sigaddset(&signals, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    EndEvents events;
    events.signal_fd_.reset(::signalfd(-1, &signals, SFD_CLOEXEC));
    events.stop_fd_.reset(::eventfd(0, EFD_CLOEXEC));
    if (!events.signal_fd_ || !events.stop_fd_) {
      return errno_error(errno, "make signalfd and eventfd");
    }
    return events;
  }

  int stop_fd() const { return stop_fd_.get(); }

  void wait() const {
    pollfd fds[] = {{signal_fd_.get(), POLLIN, 0}, {stop_fd_.get(), POLLIN, 0}};
    while (::poll(fds, 2, -1) < 0 && errno == EINTR) {
    }
  }

 private:
  UniqueFd signal_fd_;
  UniqueFd stop_fd_;
};

// Whoever starts it has written down its pid when the line comes.
Status await_leash() {
  char byte = 0;
  ssize_t got = 0;
  do {
    got = ::read(STDIN_FILENO, &byte, 1);
  } while ((got == 1 && byte != '\n') || (got < 0 && errno == EINTR));
  if (got == 1) return {};
  return make_error(ErrorCode::kCancelled,
                    "whoever started this VMM is gone: it ends");
}

Status run(const VmmKind& kind, const GuestOptions& options) {
  CAUSEWAY_TRY(open_log(options.log_path));
  // The first line also reads the time zone, which the sandbox would refuse.
  spdlog::info("guest {} begins", options.name);
  CAUSEWAY_ASSIGN(const EndEvents end, EndEvents::create());
  CAUSEWAY_ASSIGN(auto vmm, Vmm::create(kind, options, [&end] {
                    ::eventfd_write(end.stop_fd(), 1);
                  }));
  spdlog::info("guest {} {}", options.name,
               options.incoming ? "is awaited" : "runs");
  if (options.ready_fd) {
    write_line(*options.ready_fd, "ready");
    ::close(*options.ready_fd);
  }
  end.wait();
  spdlog::info("guest {} ends", options.name);
  return {};
}

}  // namespace

int run_vmm(const VmmKind& kind, int argc, const char* const* argv) {
  auto parsed = parse_options(argc, argv, kind.description);
  if (!parsed) return fail(parsed.error(), find_ready_fd(argc, argv));
  if (!parsed->help.empty()) {
    std::fputs(parsed->help.c_str(), stdout);
    return 0;
  }
  const GuestOptions& options = parsed->options;
  Status ran;
  if (options.leash) ran = await_leash();
  if (ran) ran = run(kind, options);
  return ran ? 0 : fail(ran.error(), options.ready_fd);
}

}  // namespace causeway::lab
