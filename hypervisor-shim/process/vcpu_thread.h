// VcpuThread: a vCPU that is a thread. The guest program is entered, stopped
// and left through signal frames alone: whatever has to be in the registers
// next is written into the frame that the handler returns by.
//
//   thread ──raise(park)──► handler: the frame is the thread's own; kept
//                              │ sleeps: PARKED ◄─────────────────────┐
//                  release() ──┤                                      │
//                              ▼ frame := guest's state               │
//                          GUEST RUNS ──park signal──► frame kept ────┘
//                              │   ▲
//                  out (#GP) ──▼   │ next instruction
//                          port call (park signals wait)
//
//   end(): frame := the thread's own, and the thread returns.
//
// A fault that is no `out` is the guest's death: MachineEvents are told, and
// the thread stays parked.
//
// All functions are called by one thread at a time, which is not this one.
#pragma once

#include <signal.h>
#include <ucontext.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

#include "engine/base/result.h"
#include "hypervisor-shim/lab/first_run.h"
#include "hypervisor-shim/lab/machine.h"
#include "hypervisor-shim/process/vcpu_state.h"

namespace causeway::process {

// What a vCPU reaches outside of its registers; all outlive it.
struct VcpuContext {
  uint32_t index = 0;
  GuestWindow window;                 // as the guest sees its memory
  const std::byte* memory = nullptr;  // the same, as the VMM sees it
  lab::PortCalls* ports = nullptr;
  lab::MachineEvents* events = nullptr;
  lab::FirstRun* first_run = nullptr;
};

class VcpuThread {
 public:
  // Returns when the thread is parked, with no guest state yet.
  static Result<std::unique_ptr<VcpuThread>> create(const VcpuContext& context);
  ~VcpuThread();  // end()
  VcpuThread(const VcpuThread&) = delete;
  VcpuThread& operator=(const VcpuThread&) = delete;

  const XsaveLayout& layout() const { return layout_; }

  // request_park(), then the signal right now or, for a vCPU that shall first
  // make the step it was woken for, at its next port call.
  void request_park();
  void kick();
  bool wait_parked(std::chrono::microseconds longest);
  void wait_parked();

  // While parked. stopped_at(): when the signal for that took it out of the
  // guest, or its last fault, if it has died.
  Instant stopped_at() const { return stopped_at_; }
  const VcpuState& state() const { return state_; }
  void set_state(VcpuState state) { state_ = std::move(state); }
  // Runs on from state(). False: it has died and stays parked.
  bool release();

  // Leaves the guest for good and joins the thread. The guest must not sleep
  // in a port call.
  void end();

 private:
  explicit VcpuThread(const VcpuContext& context) : context_(context) {}

  static Status install_handlers();
  static void handle_park(int signal, siginfo_t* info, void* frame);
  static void handle_fault(int signal, siginfo_t* info, void* frame);

  void run();
  void parked_in(ucontext_t& frame);
  void enter(const ucontext_t& frame);
  bool is_port_call(int signal, const ucontext_t& frame) const;
  void port_call(ucontext_t& frame);
  void die(int signal, const siginfo_t& info, const ucontext_t& frame);
  void sleep_parked();

  VcpuContext context_;
  std::unique_ptr<std::byte[]> signal_stack_;
  XsaveLayout layout_;
  Status layout_status_;
  VcpuState own_;       // the thread's, from before the guest
  VcpuState state_;     // the guest's; of this thread unless parked
  Instant stopped_at_;  // likewise

  std::mutex mutex_;
  std::condition_variable changed_;
  bool parked_ = false;    // guarded by mutex_
  bool released_ = false;  // guarded by mutex_
  std::atomic<bool> park_wanted_{true};
  std::atomic<bool> ending_{false};
  std::atomic<bool> dead_{false};
  bool entered_ = false;  // own_ is kept
  bool left_ = false;     // own_ is installed again

  std::thread thread_;
};

}  // namespace causeway::process
