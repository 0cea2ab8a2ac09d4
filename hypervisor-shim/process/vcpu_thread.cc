#include "hypervisor-shim/process/vcpu_thread.h"

#include <fmt/core.h>
#include <pthread.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "engine/runtime/clock.h"
#include "hypervisor-shim/lab/guest_abi.h"

namespace causeway::process {
namespace {

constexpr int kParkSignal = SIGUSR1;
constexpr int kFaults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};

// The port calls run on it: io_uring, logs, a signal frame of up to 11 KiB.
constexpr size_t kSignalStackBytes = 256u << 10;

constexpr greg_t kGeneralProtection = 13;
constexpr std::byte kOutDxEax{0xef};

thread_local VcpuThread* current = nullptr;

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  return set;
}

// The guest's faults stay open; of the rest, the park signal alone, and that
// only from where run() wants it.
sigset_t all_but_faults() {
  sigset_t set;
  sigfillset(&set);
  for (const int fault : kFaults) sigdelset(&set, fault);
  return set;
}

std::string describe(int signal, const siginfo_t& info,
                     const ucontext_t& frame) {
  const auto rip = static_cast<uint64_t>(frame.uc_mcontext.gregs[REG_RIP]);
  switch (signal) {
    case SIGILL:
      return fmt::format("executed an undefined instruction at {:#x}", rip);
    case SIGFPE:
      return fmt::format("divided by zero at {:#x}", rip);
    case SIGBUS:
      return fmt::format(
          "its memory at {} could not be had; the host is out "
          "of memory or huge pages",
          info.si_addr);
    default:
      return fmt::format("fault at {:#x} (signal {}, address {})", rip, signal,
                         info.si_addr);
  }
}

}  // namespace

Status VcpuThread::install_handlers() {
  struct sigaction park {};
  park.sa_sigaction = handle_park;
  park.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  sigfillset(&park.sa_mask);
  struct sigaction fault = park;
  fault.sa_sigaction = handle_fault;
  if (::sigaction(kParkSignal, &park, nullptr) != 0)
    return errno_error(errno, "process VMM: sigaction");
  for (const int signal : kFaults) {
    if (::sigaction(signal, &fault, nullptr) != 0)
      return errno_error(errno, "process VMM: sigaction");
  }
  return {};
}

Result<std::unique_ptr<VcpuThread>> VcpuThread::create(
    const VcpuContext& context) {
  CAUSEWAY_TRY(install_handlers());
  std::unique_ptr<VcpuThread> vcpu(new VcpuThread(context));
  vcpu->signal_stack_ = std::make_unique<std::byte[]>(kSignalStackBytes);
  const sigset_t blocked = all_but_faults();
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  try {
    vcpu->thread_ = std::thread([raw = vcpu.get()] { raw->run(); });
  } catch (const std::system_error& error) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return errno_error(error.code().value(), "process VMM: vCPU thread");
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  vcpu->wait_parked();
  CAUSEWAY_TRY(vcpu->layout_status_);
  return vcpu;
}

VcpuThread::~VcpuThread() { end(); }

void VcpuThread::run() {
  current = this;
  stack_t stack{};
  stack.ss_sp = signal_stack_.get();
  stack.ss_size = kSignalStackBytes;
  ::sigaltstack(&stack, nullptr);
  pthread_setname_np(pthread_self(),
                     fmt::format("vcpu{}", context_.index).c_str());
  // Delivered by the mask, into the handler, and from there to the guest: the
  // second line returns when the guest has been left for good.
  pthread_kill(pthread_self(), kParkSignal);
  const sigset_t park = set_of({kParkSignal});
  pthread_sigmask(SIG_UNBLOCK, &park, nullptr);
  pthread_sigmask(SIG_BLOCK, &park, nullptr);
  stack.ss_flags = SS_DISABLE;
  ::sigaltstack(&stack, nullptr);
}

void VcpuThread::handle_park(int, siginfo_t*, void* frame) {
  const int errno_before = errno;
  if (current != nullptr) current->parked_in(*static_cast<ucontext_t*>(frame));
  errno = errno_before;
}

void VcpuThread::handle_fault(int signal, siginfo_t* info, void* frame) {
  auto& context = *static_cast<ucontext_t*>(frame);
  const auto rip = static_cast<uint64_t>(context.uc_mcontext.gregs[REG_RIP]);
  if (current == nullptr || !current->context_.window.contains(rip)) {
    // The VMM's own fault: once more, and then as if nobody had asked.
    struct sigaction fatal {};
    fatal.sa_handler = SIG_DFL;
    ::sigaction(signal, &fatal, nullptr);
    return;
  }
  const int errno_before = errno;
  if (current->is_port_call(signal, context)) {
    current->port_call(context);
  } else {
    current->die(signal, *info, context);
    current->parked_in(context);
  }
  errno = errno_before;
}

void VcpuThread::parked_in(ucontext_t& frame) {
  // A signal that was sent twice arrives once too often.
  if (left_ || (!park_wanted_.load() && !dead_.load())) return;
  stopped_at_ = monotonic_now();
  if (entered_) {
    capture(frame, layout_, state_);
  } else {
    enter(frame);
  }
  sleep_parked();
  left_ = ending_.load();
  if (entered_) install(left_ ? own_ : state_, layout_, frame);
  if (!left_) context_.first_run->note();
}

void VcpuThread::enter(const ucontext_t& frame) {
  const auto layout = layout_of(frame);
  if (!layout) {
    layout_status_ = layout.error();
    return;
  }
  layout_ = *layout;
  capture(frame, layout_, own_);
  state_ = own_;
  entered_ = true;
}

void VcpuThread::sleep_parked() {
  std::unique_lock lock(mutex_);
  parked_ = true;
  changed_.notify_all();
  changed_.wait(
      lock, [this] { return ending_.load() || (released_ && !dead_.load()); });
  parked_ = false;
  released_ = false;
}

bool VcpuThread::is_port_call(int signal, const ucontext_t& frame) const {
  const auto rip = static_cast<uint64_t>(frame.uc_mcontext.gregs[REG_RIP]);
  return signal == SIGSEGV &&
         frame.uc_mcontext.gregs[REG_TRAPNO] == kGeneralProtection &&
         context_.memory[rip - context_.window.base] == kOutDxEax;
}

void VcpuThread::port_call(ucontext_t& frame) {
  auto& registers = frame.uc_mcontext.gregs;
  const auto port = static_cast<uint16_t>(registers[REG_RDX]);
  const auto value = static_cast<uint32_t>(registers[REG_RAX]);
  const bool parking = park_wanted_.load();
  // A guest that is to be parked does not go to sleep first.
  if (!parking || port != GUEST_PORT_HALT)
    context_.ports->out(context_.index, port, value);
  registers[REG_RIP] += 1;
  // Arrives when this handler has returned.
  if (parking) pthread_kill(pthread_self(), kParkSignal);
}

void VcpuThread::die(int signal, const siginfo_t& info,
                     const ucontext_t& frame) {
  dead_.store(true);
  context_.events->guest_died(fmt::format("vCPU {}: {}", context_.index,
                                          describe(signal, info, frame)));
}

void VcpuThread::request_park() { park_wanted_.store(true); }

void VcpuThread::kick() { pthread_kill(thread_.native_handle(), kParkSignal); }

bool VcpuThread::wait_parked(std::chrono::microseconds longest) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, longest, [this] { return parked_; });
}

void VcpuThread::wait_parked() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return parked_; });
}

bool VcpuThread::release() {
  const std::lock_guard lock(mutex_);
  CAUSEWAY_ASSERT(parked_);
  if (dead_.load()) return false;
  park_wanted_.store(false);
  parked_ = false;
  released_ = true;
  changed_.notify_all();
  return true;
}

void VcpuThread::end() {
  if (!thread_.joinable()) return;
  request_park();
  {
    const std::lock_guard lock(mutex_);
    ending_.store(true);
    if (!parked_) kick();
    changed_.notify_all();
  }
  thread_.join();
}

}  // namespace causeway::process
