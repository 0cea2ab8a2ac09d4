// NamespaceThread: a thread in a network namespace of its own; what it starts
// is in there too. The namespace has no name: it goes with the last process
// in it.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "engine/base/result.h"

namespace causeway {

class NamespaceThread {
 public:
  // kPermission where namespaces may not be made.
  static Result<std::unique_ptr<NamespaceThread>> create();
  ~NamespaceThread();

  NamespaceThread(const NamespaceThread&) = delete;
  NamespaceThread& operator=(const NamespaceThread&) = delete;

  int tid() const { return tid_; }
  // Runs `work` there and waits for it. One caller at a time.
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

}  // namespace causeway
