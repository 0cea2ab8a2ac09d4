// WorkerThread: a named thread, bound to processors, that drives steppers.
#pragma once

#include <atomic>
#include <ctime>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <thread>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/runtime/driver.h"
#include "engine/runtime/topology.h"

namespace causeway {

class WorkerThread {
 public:
  // Starts it; returns when it is bound and named. `name`: at most 15 bytes
  // (the kernel's limit). The steppers and the topology outlive the thread;
  // the steppers belong to it until join() returns.
  static Result<std::unique_ptr<WorkerThread>> start(
      const std::string& name, const Topology& topology, const PuSet& pus,
      std::span<Stepper* const> steppers);
  ~WorkerThread();  // stop() and join()

  void stop();  // any thread; returns at once
  void join();  // the owner; returns when all steppers are done or stop() came

  // CPU time so far, user and system; any thread.
  Duration cpu_time() const;

 private:
  WorkerThread() = default;
  void main(const std::string& name, const Topology& topology, const PuSet& pus,
            std::promise<Status> started);

  static constexpr int64_t kRunning = -1;

  Driver driver_;
  std::atomic<int64_t> final_cpu_ns_{kRunning};
  clockid_t cpu_clock_{};
  std::thread thread_;
};

}  // namespace causeway
