#include "hypervisor-shim/process/process_machine.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/runtime/clock.h"
#include "hypervisor-shim/lab/guest_abi.h"
#include "hypervisor-shim/process/cpu_features.h"

namespace causeway::process {
namespace {

// A vCPU that was woken makes a step of some ten microseconds and halts again;
// one that has not by then is stopped where it is.
constexpr std::chrono::microseconds kLastStepMax{2000};

}  // namespace

Result<std::unique_ptr<lab::Machine>> ProcessMachine::create(
    const lab::GuestOptions& options, const lab::GuestMemory& memory,
    lab::PortCalls& ports, lab::MachineEvents& events) {
  CAUSEWAY_ASSERT(options.vcpus > 0);
  CAUSEWAY_ASSIGN(MappedWindow window, MappedWindow::create(memory));
  CAUSEWAY_ASSIGN(WriteProtectTracker tracker,
                  WriteProtectTracker::create(window.span()));
  std::unique_ptr<ProcessMachine> machine(
      new ProcessMachine(memory, std::move(window), std::move(tracker), ports));
  for (uint32_t i = 0; i < options.vcpus; ++i) {
    CAUSEWAY_ASSIGN(
        auto vcpu, VcpuThread::create({i, machine->window(), memory.data(),
                                       &ports, &events, &machine->first_run_}));
    machine->vcpus_.push_back(std::move(vcpu));
  }
  machine->layout_ = machine->vcpus_.front()->layout();
  CAUSEWAY_ASSIGN(machine->offered_,
                  hide_features(machine->layout_, options.cpu_mask));
  return std::unique_ptr<lab::Machine>(std::move(machine));
}

ProcessMachine::ProcessMachine(const lab::GuestMemory& memory,
                               MappedWindow window, WriteProtectTracker tracker,
                               lab::PortCalls& ports)
    : memory_(memory),
      window_(std::move(window)),
      tracker_(std::move(tracker)),
      ports_(ports) {}

ProcessMachine::~ProcessMachine() { ProcessMachine::stop(); }

GuestWindow ProcessMachine::window() const {
  return {GUEST_VIRTUAL_BASE, memory_.bytes()};
}

bool ProcessMachine::has_avx() const { return saves_avx(offered_); }

Status ProcessMachine::start(bool running) {
  if (!running) return {};
  for (size_t i = 0; i < vcpus_.size(); ++i) {
    VcpuState state = vcpus_[i]->state();
    set_entry(GUEST_VIRTUAL_BASE + GUEST_PROGRAM_GPA, i, state);
    vcpus_[i]->set_state(std::move(state));
  }
  has_state_ = true;
  CAUSEWAY_TRY(resume());
  return {};
}

Result<Instant> ProcessMachine::pause() {
  Instant stopped = monotonic_now();
  if (!running_) return stopped;
  for (const auto& vcpu : vcpus_) vcpu->request_park();
  for (size_t i = 0; i < vcpus_.size(); ++i) {
    // A vCPU that slept makes one more step and parks at its next port call.
    if (!ports_.wake(static_cast<uint32_t>(i))) vcpus_[i]->kick();
  }
  for (const auto& vcpu : vcpus_) {
    if (!vcpu->wait_parked(kLastStepMax)) {
      vcpu->kick();
      vcpu->wait_parked();
    }
    stopped = std::max(stopped, vcpu->stopped_at());
  }
  running_ = false;
  return stopped;
}

Result<Instant> ProcessMachine::resume() {
  const Instant called = monotonic_now();
  if (running_) return called;
  if (!has_state_) {
    return make_error(ErrorCode::kInvalidArgument,
                      "process VMM: this shell has no state to run from; load "
                      "a guest's state first");
  }
  first_run_.forget();
  bool any = false;
  for (const auto& vcpu : vcpus_) any = vcpu->release() || any;
  running_ = true;
  return any ? first_run_.await() : called;
}

Status ProcessMachine::save(lab::StateWriter& out) {
  CAUSEWAY_ASSERT(!running_);
  for (size_t i = 0; i < vcpus_.size(); ++i)
    save_vcpu(vcpus_[i]->state(), static_cast<uint32_t>(i), out);
  return {};
}

Status ProcessMachine::load(lab::StateReader& in) {
  CAUSEWAY_ASSERT(!running_);
  // All or none.
  std::vector<VcpuState> states;
  for (size_t i = 0; i < vcpus_.size(); ++i) {
    CAUSEWAY_ASSIGN(VcpuState state,
                    load_vcpu(in, static_cast<uint32_t>(i), layout_, window()));
    states.push_back(std::move(state));
  }
  for (size_t i = 0; i < vcpus_.size(); ++i)
    vcpus_[i]->set_state(std::move(states[i]));
  has_state_ = true;
  return {};
}

std::vector<std::byte> ProcessMachine::features() {
  return list_features(offered_);
}

Status ProcessMachine::check_features(std::span<const std::byte> needed) {
  return compare_features(needed, offered_);
}

Status ProcessMachine::dirty_start() { return tracker_.start(); }

Status ProcessMachine::dirty_collect(BitmapView into) {
  return tracker_.collect(into);
}

Status ProcessMachine::dirty_stop() { return tracker_.stop(); }

void ProcessMachine::stop() {
  for (size_t i = 0; i < vcpus_.size(); ++i) {
    vcpus_[i]->request_park();
    ports_.wake(static_cast<uint32_t>(i));
  }
  vcpus_.clear();
}

}  // namespace causeway::process
