// Region, block: the units of the engine (design, section 2). A region is one
// RAM slot or one disk of a guest; a block is 4 KiB of it, the unit of
// tracking, of proof and of versions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace causeway {

inline constexpr uint64_t kBlockBytes = 4096;

using RegionId = uint16_t;

// The number of the collect after which a block was read (1 = the first).
using Version = uint32_t;

enum class RegionKind : uint8_t { kRam = 1, kDisk = 2 };

struct RegionInfo {
  RegionId id = 0;
  RegionKind kind = RegionKind::kRam;
  std::string name;                   // "ram0", "disk0": the same at both ends
  uint64_t bytes = 0;                 // a multiple of kBlockBytes
  uint32_t page_bytes = kBlockBytes;  // 4096 or 2 MiB; what backs the memfd

  uint64_t blocks() const { return bytes / kBlockBytes; }
  bool operator==(const RegionInfo&) const = default;
};

struct BlockRange {
  RegionId region = 0;
  uint64_t first = 0;  // block index
  uint64_t count = 0;  // blocks

  uint64_t end() const { return first + count; }
  bool operator==(const BlockRange&) const = default;
};

// What the target must know to build the shell that takes the guest.
struct GuestSpec {
  std::string name;
  std::string hypervisor;  // "kvm", "process": must agree at both ends
  std::string tracker;     // "kvm-bitmap", "kvm-ring", "process-wp"
  uint32_t vcpus = 1;
  std::vector<RegionInfo> regions;
  std::vector<std::byte> features;  // opaque to the engine; shims compare it
};

}  // namespace causeway
