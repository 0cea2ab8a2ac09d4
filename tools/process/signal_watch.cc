#include "tools/process/signal_watch.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

namespace causeway {

namespace {

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

Result<UniqueFd> block_signals() {
  signal(SIGPIPE, SIG_IGN);
  const sigset_t set = ending_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  UniqueFd fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return errno_error(errno, "signalfd");
  return fd;
}

void unblock_signals() {
  const sigset_t set = ending_signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

int take_signal(int signal_fd) {
  signalfd_siginfo info = {};
  if (read(signal_fd, &info, sizeof(info)) != sizeof(info)) return 0;
  return static_cast<int>(info.ssi_signo);
}

SignalWatch::SignalWatch(int signal_fd, std::function<void()> on_signal)
    : stop_(eventfd(0, EFD_CLOEXEC)) {
  CAUSEWAY_ASSERT(stop_);
  thread_ =
      std::thread([stop = stop_.get(), signal_fd, act = std::move(on_signal)] {
        pollfd fds[2] = {{stop, POLLIN, 0}, {signal_fd, POLLIN, 0}};
        for (;;) {
          if (poll(fds, 2, -1) < 0) continue;
          if (fds[0].revents != 0) return;
          if (take_signal(signal_fd) != 0) act();
        }
      });
}

SignalWatch::~SignalWatch() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(stop_.get(), &one, sizeof(one));
  thread_.join();
}

}  // namespace causeway
