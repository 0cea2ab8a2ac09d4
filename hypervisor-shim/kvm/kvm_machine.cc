#include "hypervisor-shim/kvm/kvm_machine.h"

#include <algorithm>
#include <cerrno>

#include "engine/runtime/clock.h"
#include "hypervisor-shim/kvm/boot_state.h"
#include "hypervisor-shim/kvm/dirty_bitmap.h"
#include "hypervisor-shim/kvm/dirty_ring.h"
#include "hypervisor-shim/kvm/kvm_list.h"
#include "hypervisor-shim/kvm/limits.h"
#include "hypervisor-shim/kvm/vcpu_state.h"
#include "hypervisor-shim/lab/state_sections.h"

namespace causeway::kvm {

namespace {

constexpr uint32_t kSectionVcpuCount = lab::kSectionMachine + 0;
constexpr uint32_t kSectionCpuid = lab::kSectionMachine + 1;
constexpr uint32_t kSectionKvmClock = lab::kSectionMachine + 2;

}  // namespace

Result<std::unique_ptr<lab::Machine>> KvmMachine::create(
    const lab::GuestOptions& options, const lab::GuestMemory& memory,
    lab::PortCalls& ports, lab::MachineEvents& events) {
  CAUSEWAY_ASSIGN(KvmDevice device, KvmDevice::open());
  CAUSEWAY_ASSIGN(CpuFeatures features,
                  CpuFeatures::of_host(device.fd(), options.cpu_mask));
  UniqueFd vm(::ioctl(device.fd(), KVM_CREATE_VM, 0));
  if (!vm) return errno_error(errno, "KVM_CREATE_VM");
  std::unique_ptr<KvmMachine> machine(new KvmMachine(
      std::move(device), std::move(features), std::move(vm), memory));
  CAUSEWAY_TRY(machine->make_tracker(options.tracker));
  CAUSEWAY_TRY(machine->set_slot(options.incoming));
  CAUSEWAY_TRY(machine->make_vcpus(options.vcpus, ports, events));
  return std::unique_ptr<lab::Machine>(std::move(machine));
}

KvmMachine::KvmMachine(KvmDevice device, CpuFeatures features, UniqueFd vm,
                       const lab::GuestMemory& memory)
    : device_(std::move(device)),
      features_(std::move(features)),
      vm_(std::move(vm)),
      memory_(memory),
      slot_(vm_.get(), memory) {}

KvmMachine::~KvmMachine() { KvmMachine::stop(); }

Status KvmMachine::make_tracker(lab::TrackerKind kind) {
  if (kind == lab::TrackerKind::kBitmap) {
    CAUSEWAY_ASSIGN(tracker_, DirtyBitmap::create(slot_));
    return {};
  }
  for (const int capability :
       {KVM_CAP_DIRTY_LOG_RING_ACQ_REL, KVM_CAP_DIRTY_LOG_RING}) {
    const int bytes_max = device_.check(capability);
    if (bytes_max <= 0) continue;
    CAUSEWAY_ASSIGN(
        tracker_,
        DirtyRing::create(slot_, capability, static_cast<uint32_t>(bytes_max)));
    return {};
  }
  return make_error(ErrorCode::kIncompatible,
                    "this host's KVM has no dirty ring: use --tracker bitmap");
}

// KVM makes tables for each page: 10 to 36 ms for 16 GiB. A shell does not
// need them before its state comes, and the source waits for it.
Status KvmMachine::set_slot(bool incoming) {
  if (!incoming) return slot_.set(false);
  slot_set_ =
      std::async(std::launch::async, [this] { return slot_.set(false); });
  return {};
}

Status KvmMachine::await_slot() {
  return slot_set_.valid() ? slot_set_.get() : Status();
}

Status KvmMachine::make_vcpus(uint32_t count, lab::PortCalls& ports,
                              lab::MachineEvents& events) {
  for (uint32_t i = 0; i < count; ++i) {
    CAUSEWAY_ASSIGN(auto vcpu, Vcpu::create(device_.fd(), vm_.get(), i, ports,
                                            events, *tracker_, first_run_));
    vcpus_.push_back(std::move(vcpu));
  }
  CAUSEWAY_TRY(set_cpuid(features_));
  for (uint32_t i = 0; i < count; ++i) {
    CAUSEWAY_TRY(follow_host_tsc(vcpus_[i]->fd()));
    CAUSEWAY_TRY(set_boot_registers(vcpus_[i]->fd(), i, features_.xcr0()));
  }
  CAUSEWAY_ASSIGN(msrs_, carried_msrs(device_.fd(), vcpus_[0]->fd()));
  const int xsave_bytes =
      ::ioctl(vm_.get(), KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);
  xsave_bytes_ =
      std::max(kXsaveBytesMin, static_cast<size_t>(std::max(0, xsave_bytes)));
  return {};
}

Status KvmMachine::set_cpuid(const CpuFeatures& features) {
  for (uint32_t i = 0; i < vcpus_.size(); ++i) {
    const auto entries = features.entries_for(i);
    CpuidList list(entries);
    CAUSEWAY_TRY(kvm_ioctl(vcpus_[i]->fd(), kKvmSetCpuid2, list.data(),
                           "KVM_SET_CPUID2"));
  }
  return {};
}

// The clock page counts in the host's TSC (lab/guest_clock.h).
Status KvmMachine::follow_host_tsc(int vcpu_fd) {
  uint64_t offset = 0;
  kvm_device_attr attribute{};
  attribute.group = KVM_VCPU_TSC_CTRL;
  attribute.attr = KVM_VCPU_TSC_OFFSET;
  attribute.addr = reinterpret_cast<uint64_t>(&offset);
  return kvm_ioctl(vcpu_fd, KVM_SET_DEVICE_ATTR, &attribute,
                   "KVM_VCPU_TSC_OFFSET");
}

Status KvmMachine::start(bool running) {
  if (running) write_boot_pages(memory_);
  for (auto& vcpu : vcpus_) vcpu->start(running);
  return {};
}

Result<Instant> KvmMachine::pause() {
  Instant stopped = monotonic_now();
  for (auto& vcpu : vcpus_) vcpu->request_park();
  const auto deadline = std::chrono::steady_clock::now() + kLastStepGrace;
  for (auto& vcpu : vcpus_) vcpu->await_last_step(deadline);
  for (auto& vcpu : vcpus_) stopped = std::max(stopped, vcpu->park());
  return stopped;
}

Result<Instant> KvmMachine::resume() {
  const Instant called = monotonic_now();
  first_run_.forget();
  bool any = false;
  for (auto& vcpu : vcpus_) any = vcpu->resume() || any;
  return any ? first_run_.await() : called;
}

Status KvmMachine::save(lab::StateWriter& out) {
  out.add_struct(kSectionVcpuCount, 0, static_cast<uint64_t>(vcpus_.size()));
  out.add(kSectionCpuid, 0, features_.serialize());
  kvm_clock_data clock{};
  CAUSEWAY_TRY(kvm_ioctl(vm_.get(), KVM_GET_CLOCK, &clock, "KVM_GET_CLOCK"));
  out.add_struct(kSectionKvmClock, 0, clock);
  for (uint32_t i = 0; i < vcpus_.size(); ++i) {
    CAUSEWAY_ASSIGN(const VcpuState state,
                    read_vcpu(vcpus_[i]->fd(), xsave_bytes_, msrs_));
    state.add_to(out, i);
  }
  return {};
}

// All is parsed before any is set, so that bytes that cannot be believed
// leave the shell as it was.
Status KvmMachine::load(lab::StateReader& in) {
  uint64_t count = 0;
  CAUSEWAY_TRY(in.read_struct(kSectionVcpuCount, 0, &count));
  if (count != vcpus_.size()) {
    return make_error(ErrorCode::kIncompatible,
                      "the guest has {} vCPUs, this shell {}", count,
                      vcpus_.size());
  }
  CAUSEWAY_ASSIGN(const auto cpuid, in.find(kSectionCpuid, 0));
  CAUSEWAY_ASSIGN(CpuFeatures features, CpuFeatures::parse(cpuid));
  CAUSEWAY_TRY(features_.check_covers(features));
  CAUSEWAY_TRY(await_slot());
  std::vector<VcpuState> states;
  for (uint32_t i = 0; i < count; ++i) {
    CAUSEWAY_ASSIGN(VcpuState state, VcpuState::parse(in, i));
    states.push_back(std::move(state));
  }
  features_ = std::move(features);
  CAUSEWAY_TRY(set_cpuid(features_));
  for (uint32_t i = 0; i < count; ++i) {
    CAUSEWAY_TRY(write_vcpu(vcpus_[i]->fd(), xsave_bytes_, states[i]));
    CAUSEWAY_TRY(follow_host_tsc(vcpus_[i]->fd()));
  }
  return load_clock(in);
}

// KVM's own clock, for a guest that uses it; ours reads the clock page.
Status KvmMachine::load_clock(const lab::StateReader& in) {
  kvm_clock_data saved{};
  CAUSEWAY_TRY(in.read_struct(kSectionKvmClock, 0, &saved));
  kvm_clock_data clock{};
  clock.clock = saved.clock;
  clock.realtime = saved.realtime;
  clock.flags = saved.flags & KVM_CLOCK_REALTIME;
  return kvm_ioctl(vm_.get(), KVM_SET_CLOCK, &clock, "KVM_SET_CLOCK");
}

std::vector<std::byte> KvmMachine::features() { return features_.serialize(); }

Status KvmMachine::check_features(std::span<const std::byte> needed) {
  CAUSEWAY_ASSIGN(const CpuFeatures features, CpuFeatures::parse(needed));
  return features_.check_covers(features);
}

Status KvmMachine::dirty_start() {
  CAUSEWAY_TRY(await_slot());
  return tracker_->start();
}

Status KvmMachine::dirty_collect(BitmapView into) {
  return tracker_->collect(into);
}

Status KvmMachine::dirty_rearm(uint64_t first, uint64_t blocks) {
  return tracker_->rearm(first, blocks);
}

Status KvmMachine::dirty_stop() { return tracker_->stop(); }

void KvmMachine::stop() {
  for (auto& vcpu : vcpus_) vcpu->stop();
}

}  // namespace causeway::kvm
