#include "tools/agent/new_guest.h"

#include <signal.h>
#include <sys/random.h>
#include <unistd.h>

#include "engine/base/limits.h"
#include "engine/base/units.h"
#include "engine/guest/region.h"
#include "tools/agent/guest_disk.h"
#include "tools/agent/guest_monitor.h"
#include "tools/agent/host_capacity.h"
#include "tools/agent/limits.h"

namespace causeway {
namespace {

constexpr uint32_t kHugePageBytes = 2u << 20;

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

Status complete_hypervisor(control::GuestConfig* config, std::string* notice) {
  if (config->hypervisor().empty()) {
    const bool kvm = access("/dev/kvm", F_OK) == 0;
    config->set_hypervisor(kvm ? "kvm" : "process");
    if (!kvm) {
      *notice =
          "this host has no /dev/kvm: the guest runs as a plain process, "
          "not as a virtual machine";
    }
  }
  if (config->hypervisor() == "kvm" || config->hypervisor() == "process") {
    return {};
  }
  return invalid(
      fmt::format("\"{}\" is no hypervisor; there are kvm and "
                  "process",
                  config->hypervisor()));
}

Status check_memory_size(const control::GuestConfig& config) {
  const uint32_t page = config.page_bytes();
  if (page != kBlockBytes && page != kHugePageBytes) {
    return invalid(
        fmt::format("pages of {} bytes do not exist here; there "
                    "are 4K and 2M",
                    page));
  }
  const uint64_t bytes = config.memory_bytes();
  if (bytes == 0 || bytes % page != 0) {
    return invalid(
        fmt::format("memory of {} bytes is not a multiple of the page size, {}",
                    bytes, format_bytes(page)));
  }
  if (bytes > kRegionBytesMax) {
    return invalid(
        fmt::format("memory of {} is more than a guest can have, "
                    "{}",
                    format_bytes(bytes), format_bytes(kRegionBytesMax)));
  }
  return {};
}

}  // namespace

Result<std::string> complete_config(control::GuestConfig* config) {
  std::string notice;
  CAUSEWAY_TRY(check_guest_name(config->name()));
  CAUSEWAY_TRY(complete_hypervisor(config, &notice));
  if (config->page_bytes() == 0) config->set_page_bytes(kBlockBytes);
  if (config->vcpus() == 0) config->set_vcpus(1);
  if (config->workload().empty()) config->set_workload("idle");
  if (config->content().empty()) config->set_content("random");
  if (config->tracker().empty()) config->set_tracker("bitmap");
  if (config->seed() == 0) {
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) {
      return errno_error(errno, "getrandom");
    }
    // Half the range: it is a signed number to some who read the record.
    config->set_seed((seed >> 1) | 1);
  }
  if (config->domain().size() > kNameBytesMax) {
    return make_error(ErrorCode::kInvalidArgument,
                      "a trust domain's name has at most {} bytes",
                      kNameBytesMax);
  }
  CAUSEWAY_TRY(check_memory_size(*config));
  CAUSEWAY_TRY(complete_disk(config));
  return notice;
}

Result<std::unique_ptr<NewGuest>> NewGuest::begin(
    Host* host, const control::GuestConfig& config,
    const std::string& incoming) {
  const GuestPhase phase =
      incoming.empty() ? GuestPhase::kStarting : GuestPhase::kArriving;
  CAUSEWAY_ASSIGN(GuestTable::Claim claim,
                  host->table.claim_new(config, phase, host->name));
  std::unique_ptr<NewGuest> guest(new NewGuest(host, std::move(claim)));
  CAUSEWAY_TRY(guest->make(config, incoming));
  return guest;
}

NewGuest::NewGuest(Host* host, GuestTable::Claim claim)
    : host_(host), claim_(std::move(claim)) {}

std::unique_ptr<NewGuest> NewGuest::adopt(Host* host, GuestRecord record,
                                          GuestTable::Claim claim,
                                          std::optional<ChildProcess> vmm) {
  std::unique_ptr<NewGuest> guest(new NewGuest(host, std::move(claim)));
  guest->paths_ = host->store.paths(record.config.name());
  guest->record_ = std::move(record);
  guest->has_folder_ = true;
  guest->vmm_ = std::move(vmm);
  return guest;
}

NewGuest::~NewGuest() {
  starting_.reset();
  vmm_.reset();
  if (has_folder_) host_->store.remove(claim_.name());
}

Status NewGuest::make(const control::GuestConfig& config,
                      const std::string& incoming) {
  CAUSEWAY_TRY(check_room(config));
  record_.config = config;
  record_.incoming = incoming;
  CAUSEWAY_ASSIGN(paths_, host_->store.create(record_));
  has_folder_ = true;
  if (config.disk_bytes() > 0 && config.disk_path().empty()) {
    CAUSEWAY_TRY(make_disk(paths_.disk, config.disk_bytes()));
  }
  CAUSEWAY_ASSIGN(StartingVmm starting,
                  host_->launcher.start(config, paths_, !incoming.empty()));
  record_.pid = starting.pid();
  record_.start_ticks = starting.start_ticks();
  starting_.emplace(std::move(starting));
  CAUSEWAY_TRY(host_->store.save(record_));
  starting_->let_go();
  return {};
}

Status NewGuest::check_room(const control::GuestConfig& config) const {
  const auto totals = host_->table.totals_without(config.name());
  MemoryDemand demand;
  demand.need_bytes = config.memory_bytes();
  demand.page_bytes = config.page_bytes();
  demand.limit_bytes = host_->memory_limit_bytes;
  demand.used_bytes = totals.memory_bytes;
  demand.coming_bytes = totals.arriving_memory_bytes;
  CAUSEWAY_ASSIGN(const HostMemory memory, read_host_memory());
  CAUSEWAY_TRY(check_memory(demand, memory));
  if (config.disk_bytes() == 0 || !config.disk_path().empty()) return {};
  return check_disk_space(host_->store.folder(), config.disk_bytes(),
                          totals.arriving_disk_bytes);
}

Status NewGuest::await_ready() {
  CAUSEWAY_ASSERT(starting_.has_value());
  auto ready = std::move(*starting_).await_ready();
  starting_.reset();
  if (!ready) return std::move(ready).error();
  vmm_.emplace(std::move(ready).value());
  return {};
}

bool NewGuest::alive() {
  return vmm_ && !vmm_->wait(std::chrono::milliseconds(0));
}

void NewGuest::settle_dead(const std::string& why) {
  claim_.settle_dead(record_, why);
  leave();
}

void NewGuest::leave() {
  has_folder_ = false;
  if (!vmm_) return;
  vmm_->release();
  vmm_.reset();
}

Status NewGuest::settle() {
  CAUSEWAY_ASSERT(vmm_.has_value());
  record_.incoming.clear();
  CAUSEWAY_TRY(host_->store.save(record_));
  claim_.settle(record_, std::move(*vmm_));
  vmm_.reset();
  has_folder_ = false;
  return {};
}

void stop_vmm(ChildProcess* vmm, const std::string& monitor_socket) {
  const bool told = monitor_stop(monitor_socket).has_value();
  if (told && vmm->wait(kVmmStopTimeout)) return;
  vmm->kill(SIGKILL);
  vmm->wait();
}

}  // namespace causeway
