// Signals as something to wait for. block_signals() comes first in main(),
// before any thread: later ones inherit it.
#pragma once

#include <functional>
#include <thread>

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"

namespace causeway {

// SIGINT, SIGTERM and SIGHUP are blocked; the fd is readable when one came.
// SIGPIPE is ignored: a peer that goes away is an error of a write.
Result<UniqueFd> block_signals();

// As they were before: Ctrl-C ends this process.
void unblock_signals();

// Takes one signal that waits in the fd; its number, 0 when there is none.
int take_signal(int signal_fd);

// Calls `on_signal` on a thread of its own for each signal that comes.
class SignalWatch {
 public:
  SignalWatch(int signal_fd, std::function<void()> on_signal);
  ~SignalWatch();

  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  UniqueFd stop_;
  std::thread thread_;
};

}  // namespace causeway
