#include "engine/runtime/worker_thread.h"

#include <pthread.h>

#include <chrono>
#include <ctime>
#include <utility>

#include "engine/base/assert.h"

namespace causeway {
namespace {

constexpr size_t kThreadNameBytesMax = 15;

// -1 when the clock's thread has gone.
int64_t cpu_ns(clockid_t clock) {
  timespec used{};
  if (::clock_gettime(clock, &used) != 0) return -1;
  return Duration(std::chrono::seconds(used.tv_sec) +
                  std::chrono::nanoseconds(used.tv_nsec))
      .count();
}

}  // namespace

Result<std::unique_ptr<WorkerThread>> WorkerThread::start(
    const std::string& name, const Topology& topology, const PuSet& pus,
    std::span<Stepper* const> steppers) {
  CAUSEWAY_ASSERT(name.size() <= kThreadNameBytesMax);
  std::unique_ptr<WorkerThread> worker(new WorkerThread());
  for (Stepper* stepper : steppers) worker->driver_.add(*stepper);
  std::promise<Status> promise;
  auto started = promise.get_future();
  worker->thread_ = std::thread(&WorkerThread::main, worker.get(), name,
                                std::cref(topology), pus, std::move(promise));
  CAUSEWAY_TRY(started.get());
  return worker;
}

WorkerThread::~WorkerThread() {
  stop();
  join();
}

void WorkerThread::stop() { driver_.stop(); }

void WorkerThread::join() {
  if (thread_.joinable()) thread_.join();
}

void WorkerThread::main(const std::string& name, const Topology& topology,
                        const PuSet& pus, std::promise<Status> started) {
  ::pthread_setname_np(::pthread_self(), name.c_str());
  ::pthread_getcpuclockid(::pthread_self(), &cpu_clock_);
  // Before anything of the work is touched: first touch decides the node.
  Status bound = topology.bind_this_thread(pus);
  const bool ok = bound.has_value();
  started.set_value(std::move(bound));
  if (ok) driver_.run();
  final_cpu_ns_.store(cpu_ns(CLOCK_THREAD_CPUTIME_ID),
                      std::memory_order_release);
}

Duration WorkerThread::cpu_time() const {
  for (;;) {
    const int64_t ended = final_cpu_ns_.load(std::memory_order_acquire);
    if (ended != kRunning) return Duration(ended);
    const int64_t running = cpu_ns(cpu_clock_);
    if (running >= 0) return Duration(running);
  }
}

}  // namespace causeway
