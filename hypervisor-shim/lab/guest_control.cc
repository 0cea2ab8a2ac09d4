#include "hypervisor-shim/lab/guest_control.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace causeway::lab {

namespace {

template <typename T>
T read_once(const T& value) {
  return __atomic_load_n(&value, __ATOMIC_ACQUIRE);
}

std::string describe(const GuestCheck& check) {
  switch (check.fault) {
    case GUEST_FAULT_CHECKSUM:
      return fmt::format("its checksum is {:#x}, its content gives {:#x}",
                         check.expected, check.found);
    case GUEST_FAULT_ADDRESS:
      return fmt::format("it names block {}", check.found);
    case GUEST_FAULT_VERSION:
      return fmt::format("it has version {}, the guest wrote version {}",
                         check.found, check.expected);
    case GUEST_FAULT_ZERO:
      return fmt::format("it must be zeros and holds {:#x}", check.found);
    case GUEST_FAULT_TABLE:
      return "it is a page of the version table and its sum is wrong";
    case GUEST_FAULT_COUNT:
      return fmt::format("the versions add up to {} writes, the guest made {}",
                         check.found, check.expected);
    case GUEST_FAULT_STEPS:
      return "the copies of the step counter differ: vCPU state was lost";
    case GUEST_FAULT_DISK_READ:
      return "the disk failed to read it";
    default:
      return fmt::format("fault {}", check.fault);
  }
}

}  // namespace

const char* region_name(uint32_t region) {
  return region == kRamRegion ? "ram0" : "disk0";
}

std::optional<uint32_t> region_from_name(std::string_view name) {
  if (name == "ram0") return kRamRegion;
  if (name == "disk0") return kDiskRegion;
  return std::nullopt;
}

GuestControl::GuestControl(const GuestMemory& memory, uint32_t vcpus,
                           uint64_t disk_bytes, int disk_fd,
                           DeviceWrites& writes)
    : memory_(memory),
      vcpus_(vcpus),
      disk_bytes_(disk_bytes),
      disk_fd_(disk_fd),
      writes_(writes) {}

const GuestCpu* GuestControl::cpu(uint32_t vcpu) const {
  return memory_.at<GuestCpu>(GUEST_CPU_GPA + vcpu * GUEST_CPU_AREA_BYTES);
}

GuestCounters GuestControl::counters() const {
  GuestCounters counters;
  counters.filled = true;
  for (uint32_t i = 0; i < vcpus_; ++i) {
    const GuestCpu* const page = cpu(i);
    counters.steps.push_back(read_once(page->steps));
    counters.filled = counters.filled && read_once(page->filled) != 0;
    counters.blackout_ns =
        std::max(counters.blackout_ns, read_once(page->blackout_ns));
    counters.max_gap_ns =
        std::max(counters.max_gap_ns, read_once(page->max_gap_ns));
    counters.ram_writes += read_once(page->ram_writes);
    counters.disk_writes += read_once(page->disk_writes);
    counters.disk_errors += read_once(page->disk_errors);
  }
  return counters;
}

CheckedRange GuestControl::checked(uint32_t region) const {
  const auto* const params = memory_.at<GuestParams>(GUEST_PARAMS_GPA);
  const uint64_t limit =
      (region == kRamRegion ? memory_.bytes() : disk_bytes_) /
      GUEST_BLOCK_BYTES;
  uint64_t first = limit;
  uint64_t end = 0;
  for (uint32_t i = 0; i < vcpus_; ++i) {
    const GuestSlice slice = params->slices[i];
    const uint64_t from =
        region == kRamRegion ? slice.ram_first : slice.disk_first;
    const uint64_t blocks =
        region == kRamRegion ? slice.ram_blocks : slice.disk_blocks;
    if (blocks == 0 || from > limit || blocks > limit - from) continue;
    first = std::min(first, from);
    end = std::max(end, from + blocks);
  }
  if (first >= end) return {};
  return {first * GUEST_BLOCK_BYTES, (end - first) * GUEST_BLOCK_BYTES};
}

uint32_t GuestControl::send(GuestCommand command) {
  auto* const box = memory_.at<GuestMailbox>(GUEST_MAILBOX_GPA);
  __atomic_store_n(&box->command, static_cast<uint32_t>(command),
                   __ATOMIC_RELAXED);
  // 0 means that nothing was ever asked.
  const uint32_t sequence = std::max(1u, read_once(box->sequence) + 1);
  __atomic_store_n(&box->sequence, sequence, __ATOMIC_RELEASE);
  writes_.wrote(kRamRegion, GUEST_MAILBOX_GPA, sizeof(GuestMailbox));
  return sequence;
}

uint32_t GuestControl::start_check() { return send(GUEST_COMMAND_CHECK); }

void GuestControl::kill_guest() { send(GUEST_COMMAND_DIE); }

std::optional<CheckReport> GuestControl::check_result(uint32_t sequence) const {
  CheckReport report;
  report.ok = true;
  for (uint32_t i = 0; i < vcpus_; ++i) {
    const GuestCpu* const page = cpu(i);
    if (read_once(page->check.sequence) != sequence) return std::nullopt;
    const GuestCheck check = page->check;
    report.pages += check.pages;
    report.disk_blocks += check.disk_blocks;
    report.errors += check.errors;
    report.steps += read_once(page->steps);
    if (check.errors == 0 || !report.ok) continue;
    report.ok = false;
    report.region = region_name(check.fault_region);
    report.block = check.fault_block;
    report.what = describe(check);
  }
  return report;
}

Status GuestControl::flip_bit(uint32_t region, uint64_t offset, uint32_t bit,
                              bool tracked) {
  const CheckedRange range = checked(region);
  if (bit > 7 || offset < range.offset ||
      offset - range.offset >= range.bytes) {
    return make_error(
        ErrorCode::kInvalidArgument,
        "bit {} of byte {} of {} is not checked by the guest: it checks bits "
        "0 to 7 of bytes {} to {}",
        bit, offset, region_name(region), range.offset,
        range.offset + range.bytes);
  }
  if (region == kDiskRegion) {
    CAUSEWAY_TRY(flip_disk_bit(offset, bit));
  } else {
    __atomic_fetch_xor(memory_.at<uint8_t>(offset),
                       static_cast<uint8_t>(1u << bit), __ATOMIC_SEQ_CST);
  }
  if (tracked) writes_.wrote(region, offset, 1);
  return {};
}

Status GuestControl::flip_disk_bit(uint64_t offset, uint32_t bit) {
  uint8_t byte = 0;
  const auto at = static_cast<off_t>(offset);
  if (::pread(disk_fd_, &byte, 1, at) != 1) {
    return errno_error(errno, "read a byte of the guest's disk");
  }
  byte ^= static_cast<uint8_t>(1u << bit);
  if (::pwrite(disk_fd_, &byte, 1, at) != 1) {
    return errno_error(errno, "write a byte of the guest's disk");
  }
  return {};
}

}  // namespace causeway::lab
