// DemoNetwork: where the demo's two hosts live. With the right to make them,
// two network namespaces joined by a veth pair; else the loopback.
//
// The namespaces have no names: they and the veth pair go when the last
// process in them does, however the demo ends.
#pragma once

#include <array>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "engine/base/result.h"

namespace causeway {

// A thread in a network namespace of its own; what it starts is in there too.
class NamespaceThread {
 public:
  static Result<std::unique_ptr<NamespaceThread>> create();
  ~NamespaceThread();

  NamespaceThread(const NamespaceThread&) = delete;
  NamespaceThread& operator=(const NamespaceThread&) = delete;

  int tid() const { return tid_; }
  // Runs `work` there and waits for it.
  Status run(const std::function<Status()>& work);

 private:
  NamespaceThread() = default;
  void loop();

  std::mutex mutex_;
  std::condition_variable changed_;
  int tid_ = 0;
  int unshare_errno_ = 0;
  bool ready_ = false;
  bool ending_ = false;
  const std::function<Status()>* work_ = nullptr;
  Status result_;
  std::thread thread_;
};

class DemoNetwork {
 public:
  static constexpr int kHosts = 2;

  // `note` says which of the two it became, and why.
  static DemoNetwork create(std::string* note);

  // "10.77.0.1" or "127.0.0.1".
  std::string address(int host) const;
  // Runs `work` (which starts the host's processes) on that host.
  Status run_on(int host, const std::function<Status()>& work);

 private:
  Status join();

  std::array<std::unique_ptr<NamespaceThread>, kHosts> hosts_;
};

}  // namespace causeway
