// GuestClockDevice: the paravirtual clock page. Guest time begins at 0 at boot
// and goes on over a migration, the blackout included: the state carries guest
// time and the host's CLOCK_REALTIME, and the target adds what passed since.
// So two hosts' guest time is as exact as their clocks agree (NTP, PTP).
//
// rdtsc in a guest here is the host's own TSC; the page is written anew at the
// target with the target's frequency, so guests read it and never bare TSC.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/base/result.h"
#include "hypervisor-shim/lab/device_writes.h"
#include "hypervisor-shim/lab/guest_memory.h"
#include "hypervisor-shim/lab/state_blob.h"

namespace causeway::lab {

// TSC and CLOCK_MONOTONIC_RAW at one moment.
struct TscSample {
  uint64_t tsc;
  uint64_t ns;
};

class GuestClockDevice {
 public:
  // Begins to measure the TSC against CLOCK_MONOTONIC_RAW. The first use of
  // the result waits until 10 ms have gone; a shell's guest comes later.
  GuestClockDevice(const GuestMemory& memory, DeviceWrites& writes);

  void boot();                // guest time 0, epoch 0
  uint64_t guest_ns() const;  // as the guest reads it now

  void save(StateWriter& out) const;
  Status load(const StateReader& in);
  // Before the vCPUs run. After load(): writes the page, with the next epoch.
  void resume();

 private:
  struct Saved {
    uint64_t guest_ns;
    uint64_t realtime_ns;
    uint32_t epoch;
    uint32_t reserved;
  };

  void write_page(uint64_t guest_ns, uint32_t epoch);

  const GuestMemory& memory_;
  DeviceWrites& writes_;
  const TscSample began_;
  uint64_t multiplier_ = 0;  // ns a tick, times 2^32; 0: not needed so far
  // What the page holds, in this VMM's own words: the page is guest memory.
  uint64_t tsc_base_ = 0;
  uint64_t ns_base_ = 0;
  uint32_t epoch_ = 0;
  std::optional<Saved> loaded_;
};

}  // namespace causeway::lab
