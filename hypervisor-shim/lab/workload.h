// Workload and Content: what a lab guest does, from text such as
// "hotset:50M,0.1" and "zero:0.5".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "hypervisor-shim/lab/guest_abi.h"

namespace causeway::lab {

// idle | uniform:RATE | hotset:RATE,FRACTION[,CHANGED] | sequential:RATE |
// disk:RATE | mixed:RATE, RATE in bytes/s ("50M") or "max".
struct Workload {
  GuestWorkload kind = GUEST_WORKLOAD_IDLE;
  uint64_t rate_bytes_per_s = 0;  // UINT64_MAX: as fast as it goes
  double hot_share = 1;           // of the guest's blocks, in (0, 1]
  double changed_share = 1;       // of a block of RAM by one write, in (0, 1]

  bool needs_disk() const {
    return kind == GUEST_WORKLOAD_DISK || kind == GUEST_WORKLOAD_MIXED;
  }
};

// random | text | mixed | zero:SHARE | shares:TEXT,ZERO
struct Content {
  GuestContent kind = GUEST_CONTENT_RANDOM;
  double zero_share = 0;  // of the blocks filled at boot, in [0, 1]
  double text_share = 0;  // likewise, with zero_share at most 1
};

// kInvalidArgument says what would have been right.
Result<Workload> parse_workload(std::string_view text);
Result<Content> parse_content(std::string_view text);

// A number in [0, 1].
Result<double> parse_share(std::string_view text);

}  // namespace causeway::lab
