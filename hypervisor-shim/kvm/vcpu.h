// Vcpu: one vCPU and the thread that runs it.
//
// Parking. request_park() asks; the thread parks once KVM_RUN has returned and
// what it had begun (a port call) is complete, so the registers are those
// between two instructions. A wake-up cannot be lost: the signal's handler
// sets immediate_exit, which KVM_RUN looks at, and the request is made before
// the signal is sent.
//
// The last step. A vCPU that sleeps in the guest's halt is woken instead of
// kicked: it makes one more step, which notes the time, and parks at its next
// halt. Else an idle guest would see a blackout longer than it was by up to
// one halt.
#pragma once

#include <linux/kvm.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"
#include "hypervisor-shim/kvm/dirty_tracker.h"
#include "hypervisor-shim/lab/first_run.h"
#include "hypervisor-shim/lab/machine.h"

namespace causeway::kvm {

class Vcpu {
 public:
  static Result<std::unique_ptr<Vcpu>> create(int kvm_fd, int vm_fd,
                                              uint32_t index,
                                              lab::PortCalls& ports,
                                              lab::MachineEvents& events,
                                              DirtyTracker& tracker,
                                              lab::FirstRun& first_run);
  ~Vcpu();

  int fd() const { return fd_.get(); }

  // Makes the thread; it runs the guest, or is parked.
  void start(bool running);

  // Asks the thread to park.
  void request_park();
  // For a vCPU that was woken for its last step: until it has parked or the
  // time is up.
  void await_last_step(std::chrono::steady_clock::time_point deadline);
  // Returns when it has parked: the moment at which KVM_RUN returned for that,
  // or an earlier one when it was not in KVM_RUN any more.
  Instant park();

  // False: it runs already, or has died.
  bool resume();
  void stop();  // ends the thread

 private:
  enum class Wanted { kRun, kPark, kEnd };
  enum class Outcome { kGoOn, kParkNow, kDied };

  Vcpu(UniqueFd fd, kvm_run* run, size_t run_bytes, uint32_t index,
       lab::PortCalls& ports, lab::MachineEvents& events, DirtyTracker& tracker,
       lab::FirstRun& first_run);

  void loop();
  bool wait_until_wanted();  // false: the thread ends
  Outcome run_once();
  Outcome handle_exit();
  Outcome handle_port();
  void complete_port_call();
  Outcome die(const std::string& why);
  void kick();

  UniqueFd fd_;
  kvm_run* run_;
  size_t run_bytes_;
  uint32_t index_;
  lab::PortCalls& ports_;
  lab::MachineEvents& events_;
  DirtyTracker& tracker_;
  lab::FirstRun& first_run_;

  std::atomic<Wanted> wanted_{Wanted::kPark};
  std::atomic<bool> last_step_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool parked_ = true;
  bool dead_ = false;
  Instant stopped_at_;  // of the thread until it has parked
  std::thread thread_;
};

}  // namespace causeway::kvm
