// GuestControl: what a VMM can ask of, and see in, the lab guest's memory: its
// counters, its check of itself, faults planted for tests.
//
// All that is read from guest memory is the guest's word, possibly of another
// host: indices are checked before use.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "hypervisor-shim/lab/device_writes.h"
#include "hypervisor-shim/lab/guest_abi.h"
#include "hypervisor-shim/lab/guest_memory.h"

namespace causeway::lab {

struct GuestCounters {
  std::vector<uint64_t> steps;  // one a vCPU
  bool filled = false;          // all vCPUs have written all their blocks once
  uint64_t blackout_ns = 0;     // of the last move, the longest of the vCPUs
  uint64_t max_gap_ns = 0;      // between two steps elsewhere, the longest
  uint64_t ram_writes = 0;
  uint64_t disk_writes = 0;
  uint64_t disk_errors = 0;
};

struct CheckReport {
  bool ok = false;
  uint64_t pages = 0;
  uint64_t disk_blocks = 0;
  uint64_t errors = 0;
  uint64_t steps = 0;  // the sum of all vCPUs
  // The first error.
  std::string region;
  uint64_t block = 0;
  std::string what;
};

// Bytes of a region that a check looks at: a flipped bit there is found.
struct CheckedRange {
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

class GuestControl {
 public:
  GuestControl(const GuestMemory& memory, uint32_t vcpus, uint64_t disk_bytes,
               int disk_fd, DeviceWrites& writes);

  GuestCounters counters() const;
  CheckedRange checked(uint32_t region) const;

  // Tells the guest to check itself; the number of this check.
  uint32_t start_check();
  // The result, once every vCPU has answered.
  std::optional<CheckReport> check_result(uint32_t sequence) const;

  // Flips bit `bit` of the byte at `offset`. `tracked`: reported as a device
  // write, so that a migration carries it; else it stays unseen, as a page
  // that a dirty log missed.
  Status flip_bit(uint32_t region, uint64_t offset, uint32_t bit, bool tracked);

  // The guest executes an undefined instruction.
  void kill_guest();

 private:
  const GuestCpu* cpu(uint32_t vcpu) const;
  uint32_t send(GuestCommand command);
  Status flip_disk_bit(uint64_t offset, uint32_t bit);

  const GuestMemory& memory_;
  uint32_t vcpus_;
  uint64_t disk_bytes_;
  int disk_fd_;
  DeviceWrites& writes_;
};

// "ram0", "disk0".
const char* region_name(uint32_t region);
std::optional<uint32_t> region_from_name(std::string_view name);

}  // namespace causeway::lab
