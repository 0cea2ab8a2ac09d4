#include "tests/contract/contract_vmm.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>

#include "hypervisor-shim/lab/guest_abi.h"

extern "C" {
extern const std::byte causeway_writer_program[];
extern const std::byte causeway_writer_program_end[];
}

namespace causeway {
namespace {

constexpr uint64_t kOrdersGpa = 0x500000;
constexpr uint64_t kModeHalt = 0;
constexpr uint64_t kModeWrite = 1;
constexpr uint64_t kModeRandom = 2;

template <typename T>
std::atomic_ref<T> shared(T& value) {
  return std::atomic_ref<T>(value);
}

int errno_of(const Status& status) { return status ? 0 : -EIO; }

cw_region region(uint32_t kind, int fd, uint64_t blocks, const char* name) {
  cw_region region{};
  region.struct_bytes = sizeof(region);
  region.kind = kind;
  region.fd = fd;
  region.page_bytes = CW_BLOCK_BYTES;
  region.bytes = blocks * CW_BLOCK_BYTES;
  std::snprintf(region.name, sizeof(region.name), "%s", name);
  return region;
}

}  // namespace

// As writer_program.S has it.
struct ContractVmm::Orders {
  uint64_t sequence;
  uint64_t mode;
  uint64_t block;
  uint64_t value;
  uint64_t done;
  uint64_t writes;
  uint64_t first_block;
  uint64_t block_mask;
};

Result<std::unique_ptr<ContractVmm>> ContractVmm::create(
    const MachineFactory& make_machine) {
  CAUSEWAY_ASSIGN(lab::GuestMemory memory,
                  lab::GuestMemory::create("contract", kRamBlocks * kBlockBytes,
                                           kBlockBytes));
  UniqueFd disk(::memfd_create("contract-disk", MFD_CLOEXEC));
  if (!disk || ::ftruncate(disk.get(), kDiskBlocks * kBlockBytes) != 0)
    return errno_error(errno, "the contract's disk");
  void* at = ::mmap(nullptr, kDiskBlocks * kBlockBytes, PROT_READ | PROT_WRITE,
                    MAP_SHARED, disk.get(), 0);
  if (at == MAP_FAILED) return errno_error(errno, "map the contract's disk");
  std::unique_ptr<ContractVmm> vmm(new ContractVmm(
      std::move(memory), std::move(disk), static_cast<std::byte*>(at)));
  CAUSEWAY_TRY(vmm->start(make_machine));
  return vmm;
}

ContractVmm::ContractVmm(lab::GuestMemory memory, UniqueFd disk,
                         std::byte* disk_data)
    : memory_(std::move(memory)),
      disk_(std::move(disk)),
      disk_data_(disk_data) {}

Status ContractVmm::start(const MachineFactory& make_machine) {
  std::memcpy(memory_.data() + GUEST_PROGRAM_GPA, causeway_writer_program,
              causeway_writer_program_end - causeway_writer_program);
  for (uint32_t vcpu = 0; vcpu < kVcpus; ++vcpu)
    orders(vcpu)->first_block = kFirstDataBlock;
  CAUSEWAY_ASSIGN(machine_, make_machine(memory_, kVcpus, *this, *this));
  CAUSEWAY_TRY(start_shim());
  CAUSEWAY_TRY(machine_->start(true));
  CAUSEWAY_ASSIGN(guest_, ShimGuest::connect(socket_path_));
  return {};
}

Status ContractVmm::start_shim() {
  char directory[] = "/tmp/causeway-contract-XXXXXX";
  if (::mkdtemp(directory) == nullptr) return errno_error(errno, "mkdtemp");
  directory_ = directory;
  socket_path_ = directory_ + "/shim.sock";
  const cw_region regions[] = {
      region(CW_REGION_RAM, memory_.fd(), kRamBlocks, "ram0"),
      region(CW_REGION_DISK, disk_.get(), kDiskBlocks, "disk0")};
  cw_shim_config config{};
  config.struct_bytes = sizeof(config);
  config.vcpus = kVcpus;
  config.socket_path = socket_path_.c_str();
  config.guest_name = "contract";
  config.tracker = machine_->tracker();
  config.hypervisor = machine_->hypervisor();
  config.regions = regions;
  config.region_count = 2;
  const cw_vmm_ops table = ops();
  const int failure = cw_shim_create(&config, &table, machine_.get(), &shim_);
  if (failure != 0) return errno_error(-failure, "cw_shim_create");
  return {};
}

ContractVmm::~ContractVmm() {
  guest_.reset();
  if (shim_ != nullptr) cw_shim_destroy(shim_);
  if (machine_) machine_->stop();
  machine_.reset();
  ::munmap(disk_data_, kDiskBlocks * kBlockBytes);
  if (!directory_.empty()) ::rmdir(directory_.c_str());
}

cw_vmm_ops ContractVmm::ops() {
  static constexpr auto machine = [](void* vmm) -> lab::Machine& {
    return *static_cast<lab::Machine*>(vmm);
  };
  cw_vmm_ops ops{};
  ops.struct_bytes = sizeof(ops);
  static constexpr auto moment = [](const Result<Instant>& from,
                                    uint64_t* to_ns) {
    if (!from) return -EIO;
    *to_ns = static_cast<uint64_t>(from->time_since_epoch().count());
    return 0;
  };
  ops.pause = [](void* vmm, uint64_t* stopped_ns) {
    return moment(machine(vmm).pause(), stopped_ns);
  };
  ops.resume = [](void* vmm, uint64_t* running_ns) {
    return moment(machine(vmm).resume(), running_ns);
  };
  // The contract moves no state.
  ops.save_state = [](void*, cw_sink*, char*, size_t) { return -ENOSYS; };
  ops.load_state = [](void*, const void*, size_t, char*, size_t) {
    return -ENOSYS;
  };
  ops.features = [](void*, cw_sink*) { return 0; };
  ops.check_features = [](void*, const void*, size_t, char*, size_t) {
    return 0;
  };
  ops.dirty_start = [](void* vmm) {
    return errno_of(machine(vmm).dirty_start());
  };
  ops.dirty_collect = [](void* vmm, uint32_t, uint64_t* bitmap) {
    return errno_of(machine(vmm).dirty_collect(BitmapView(bitmap, kRamBlocks)));
  };
  ops.dirty_rearm = [](void* vmm, uint32_t, uint64_t first, uint64_t blocks) {
    return errno_of(machine(vmm).dirty_rearm(first, blocks));
  };
  ops.dirty_stop = [](void* vmm) {
    return errno_of(machine(vmm).dirty_stop());
  };
  return ops;
}

ContractVmm::Orders* ContractVmm::orders(uint32_t vcpu) const {
  return memory_.at<Orders>(kOrdersGpa + vcpu * kBlockBytes);
}

void ContractVmm::order(uint32_t vcpu, uint64_t mode) {
  Orders& page = *orders(vcpu);
  shared(page.mode).store(mode);
  const uint64_t sequence = page.sequence + 1;
  shared(page.sequence).store(sequence);
  wake(vcpu);
  while (shared(page.done).load() != sequence) {
    CAUSEWAY_ASSERT(!died_.load());
    std::this_thread::yield();
  }
}

void ContractVmm::write(uint32_t vcpu, uint64_t block, uint64_t value) {
  orders(vcpu)->block = block;
  orders(vcpu)->value = value;
  order(vcpu, kModeWrite);
}

void ContractVmm::write_at_random(uint64_t blocks) {
  for (uint32_t vcpu = 0; vcpu < kVcpus; ++vcpu) {
    orders(vcpu)->block_mask = blocks - 1;
    order(vcpu, kModeRandom);
  }
}

void ContractVmm::write_nothing() {
  for (uint32_t vcpu = 0; vcpu < kVcpus; ++vcpu) order(vcpu, kModeHalt);
}

uint64_t ContractVmm::random_writes() const {
  uint64_t writes = 0;
  for (uint32_t vcpu = 0; vcpu < kVcpus; ++vcpu)
    writes += shared(orders(vcpu)->writes).load();
  return writes;
}

void ContractVmm::device_write(RegionId region, uint64_t block,
                               uint64_t value) {
  std::byte* data = region == 0 ? memory_.data() : disk_data_;
  // Beside the vCPUs' words, which they may write at the same time.
  const uint64_t offset = block * kBlockBytes + 2048;
  std::atomic_ref(*reinterpret_cast<uint64_t*>(data + offset))
      .store(value, std::memory_order_relaxed);
  cw_shim_mark_dirty(shim_, region, offset, sizeof(value));
}

std::span<const std::byte> ContractVmm::block(RegionId region,
                                              uint64_t block) const {
  const std::byte* data = region == 0 ? memory_.data() : disk_data_;
  return {data + block * kBlockBytes, kBlockBytes};
}

void ContractVmm::out(uint32_t vcpu, uint16_t port, uint32_t value) {
  if (port == GUEST_PORT_HALT)
    sleepers_[vcpu].sleep(
        std::chrono::microseconds(value & GUEST_HALT_US_MASK));
}

bool ContractVmm::wake(uint32_t vcpu) {
  const bool was_asleep = sleepers_[vcpu].asleep();
  sleepers_[vcpu].wake();
  return was_asleep;
}

void ContractVmm::guest_died(const std::string& why) {
  std::fprintf(stderr, "the contract's guest died: %s\n", why.c_str());
  died_ = true;
  if (shim_ != nullptr) cw_shim_guest_died(shim_, why.c_str());
}

}  // namespace causeway
