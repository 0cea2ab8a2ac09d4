#include "hypervisor-shim/kvm/vcpu.h"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "engine/base/assert.h"
#include "engine/runtime/clock.h"
#include "hypervisor-shim/kvm/kvm_device.h"
#include "hypervisor-shim/lab/guest_abi.h"

namespace causeway::kvm {

namespace {

constexpr int kKickSignal = SIGUSR1;

thread_local kvm_run* this_run = nullptr;

void on_kick(int) {
  if (this_run != nullptr) {
    __atomic_store_n(&this_run->immediate_exit, 1, __ATOMIC_SEQ_CST);
  }
}

void install_kick_handler() {
  struct sigaction action {};
  action.sa_handler = on_kick;
  action.sa_flags = SA_RESTART;
  ::sigaction(kKickSignal, &action, nullptr);
}

}  // namespace

Result<std::unique_ptr<Vcpu>> Vcpu::create(int kvm_fd, int vm_fd,
                                           uint32_t index,
                                           lab::PortCalls& ports,
                                           lab::MachineEvents& events,
                                           DirtyTracker& tracker,
                                           lab::FirstRun& first_run) {
  UniqueFd fd(::ioctl(vm_fd, KVM_CREATE_VCPU, index));
  if (!fd) return errno_error(errno, "KVM_CREATE_VCPU");
  const int bytes = ::ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (bytes < static_cast<int>(sizeof(kvm_run))) {
    return errno_error(errno, "KVM_GET_VCPU_MMAP_SIZE");
  }
  void* const at = ::mmap(nullptr, static_cast<size_t>(bytes),
                          PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (at == MAP_FAILED) return errno_error(errno, "map a vCPU's run area");
  std::unique_ptr<Vcpu> vcpu(new Vcpu(std::move(fd), static_cast<kvm_run*>(at),
                                      static_cast<size_t>(bytes), index, ports,
                                      events, tracker, first_run));
  CAUSEWAY_TRY(tracker.add_vcpu(vcpu->fd()));
  return vcpu;
}

Vcpu::Vcpu(UniqueFd fd, kvm_run* run, size_t run_bytes, uint32_t index,
           lab::PortCalls& ports, lab::MachineEvents& events,
           DirtyTracker& tracker, lab::FirstRun& first_run)
    : fd_(std::move(fd)),
      run_(run),
      run_bytes_(run_bytes),
      index_(index),
      ports_(ports),
      events_(events),
      tracker_(tracker),
      first_run_(first_run) {}

Vcpu::~Vcpu() {
  stop();
  ::munmap(run_, run_bytes_);
}

void Vcpu::start(bool running) {
  CAUSEWAY_ASSERT(!thread_.joinable());
  install_kick_handler();
  wanted_ = running ? Wanted::kRun : Wanted::kPark;
  parked_ = !running;
  thread_ = std::thread([this] { loop(); });
}

void Vcpu::request_park() {
  wanted_ = Wanted::kPark;
  last_step_ = true;
  // It slept: it makes its last step. It ran: it is interrupted at once.
  if (!ports_.wake(index_)) kick();
}

void Vcpu::await_last_step(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [this] { return parked_; });
}

Instant Vcpu::park() {
  std::unique_lock lock(mutex_);
  if (!parked_) kick();
  changed_.wait(lock, [this] { return parked_; });
  return stopped_at_;
}

// The request is made (last_step_ ends with the kick) before the signal.
void Vcpu::kick() {
  last_step_ = false;
  if (thread_.joinable()) ::pthread_kill(thread_.native_handle(), kKickSignal);
}

bool Vcpu::resume() {
  std::lock_guard lock(mutex_);
  if (wanted_ != Wanted::kPark || dead_) return false;
  wanted_ = Wanted::kRun;
  parked_ = false;
  changed_.notify_all();
  return true;
}

void Vcpu::stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    wanted_ = Wanted::kEnd;
    changed_.notify_all();
  }
  ports_.wake(index_);
  kick();
  thread_.join();
}

void Vcpu::loop() {
  this_run = run_;
  // The default of 50 us would make every halt of the guest late.
  ::prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
  ::pthread_setname_np(::pthread_self(), fmt::format("vcpu{}", index_).c_str());
  while (wait_until_wanted()) {
    first_run_.note();
    while (run_once() == Outcome::kGoOn) {
    }
  }
  this_run = nullptr;
}

// A pause may follow a resume before this thread has woken up: then it has
// parked again without having run.
bool Vcpu::wait_until_wanted() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (wanted_ == Wanted::kEnd) return false;
    if (wanted_ == Wanted::kRun && !dead_) return true;
    if (!parked_) {
      parked_ = true;
      changed_.notify_all();
    }
    changed_.wait(lock);
  }
}

Vcpu::Outcome Vcpu::run_once() {
  // In this order: a kick that comes later sets immediate_exit again, one
  // that came earlier is seen in wanted_.
  __atomic_store_n(&run_->immediate_exit, 0, __ATOMIC_SEQ_CST);
  if (wanted_ != Wanted::kRun && !last_step_) {
    complete_port_call();
    return Outcome::kParkNow;
  }
  const int returned = ::ioctl(fd(), KVM_RUN, 0);
  const int failure = errno;
  if (wanted_ != Wanted::kRun) stopped_at_ = monotonic_now();
  if (returned != 0) {
    if (failure == EINTR || failure == EAGAIN) return Outcome::kGoOn;
    return die(fmt::format("KVM_RUN failed on vCPU {}: {}", index_,
                           std::generic_category().message(failure)));
  }
  return handle_exit();
}

// KVM finishes an instruction that exited to us (moves RIP on) when it is
// entered again; immediate_exit lets it do that and no more.
void Vcpu::complete_port_call() {
  __atomic_store_n(&run_->immediate_exit, 1, __ATOMIC_SEQ_CST);
  const int returned = ::ioctl(fd(), KVM_RUN, 0);
  CAUSEWAY_ASSERT(returned == -1 && errno == EINTR);
}

Vcpu::Outcome Vcpu::handle_exit() {
  switch (run_->exit_reason) {
    case KVM_EXIT_IO:
      return handle_port();
    case KVM_EXIT_INTR:
      return Outcome::kGoOn;
    case KVM_EXIT_DIRTY_RING_FULL: {
      const Status harvested = tracker_.full();
      if (harvested) return Outcome::kGoOn;
      return die(harvested.error().message);
    }
    case KVM_EXIT_SHUTDOWN:
      return die(fmt::format("vCPU {} shut down (triple fault)", index_));
    case KVM_EXIT_INTERNAL_ERROR:
      return die(
          fmt::format("KVM cannot go on with vCPU {} (internal error "
                      "{})",
                      index_, run_->internal.suberror));
    case KVM_EXIT_FAIL_ENTRY:
      return die(fmt::format("KVM cannot enter vCPU {} (hardware reason {:#x})",
                             index_,
                             run_->fail_entry.hardware_entry_failure_reason));
    default:
      return die(fmt::format("vCPU {} stopped with KVM exit {}", index_,
                             run_->exit_reason));
  }
}

Vcpu::Outcome Vcpu::handle_port() {
  const auto& io = run_->io;
  if (io.direction != KVM_EXIT_IO_OUT || io.size != sizeof(uint32_t) ||
      io.count != 1) {
    return die(
        fmt::format("vCPU {} accessed port {:#x} in a way that lab "
                    "guests do not",
                    index_, io.port));
  }
  uint32_t value = 0;
  std::memcpy(&value, reinterpret_cast<const std::byte*>(run_) + io.data_offset,
              sizeof(value));
  // After its last step a vCPU does not go to sleep again; it parks.
  if (io.port == GUEST_PORT_HALT && wanted_ != Wanted::kRun) {
    last_step_ = false;
    return Outcome::kGoOn;
  }
  ports_.out(index_, io.port, value);
  return Outcome::kGoOn;
}

Vcpu::Outcome Vcpu::die(const std::string& why) {
  {
    std::lock_guard lock(mutex_);
    dead_ = true;
  }
  events_.guest_died(why);
  return Outcome::kDied;
}

}  // namespace causeway::kvm
