// Machine: what the lab VMMs differ in. kvm/ runs the guest program on
// /dev/kvm, process/ as threads of a plain process; memory, disk, clock,
// monitor and the shim's table of functions are shared (vmm.h).
//
// Threads: start() makes one thread a vCPU, which calls PortCalls. Everything
// else is called by one thread at a time (the shim's service thread, or
// main), except died().
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/bitmap.h"
#include "engine/base/result.h"
#include "engine/base/time.h"

namespace causeway::lab {

class StateWriter;
class StateReader;

// The device side of the guest's port calls (devices.h).
class PortCalls {
 public:
  virtual ~PortCalls() = default;
  // On the vCPU's thread. GUEST_PORT_HALT sleeps, at most until wake() or a
  // signal.
  virtual void out(uint32_t vcpu, uint16_t port, uint32_t value) = 0;
  // Any thread. Ends the halt, or the next one; true when it was sleeping.
  virtual bool wake(uint32_t vcpu) = 0;
};

class Machine {
 public:
  virtual ~Machine() = default;

  // "kvm" / "kvm-bitmap": as the shim names them to the mover.
  virtual const char* hypervisor() const = 0;
  virtual const char* tracker() const = 0;

  // May the guest program use YMM registers?
  virtual bool has_avx() const = 0;

  // Makes the vCPU threads. `running`: from the program's first instruction;
  // else parked until load() and resume().
  virtual Status start(bool running) = 0;

  // Returns when every vCPU is parked with nothing half done. A vCPU that
  // sleeps in the guest's halt has been woken for one last step, so that the
  // guest's clock shows when it was stopped. Says when the last vCPU left the
  // guest for that, which it did after the call (the moment of the call, if
  // none ran).
  virtual Result<Instant> pause() = 0;
  // Returns when the first vCPU goes on, and says when that was (the moment of
  // the call, if none had to).
  virtual Result<Instant> resume() = 0;

  // Sections of the state blob (state_blob.h); paused.
  virtual Status save(StateWriter& out) = 0;
  virtual Status load(StateReader& in) = 0;

  virtual std::vector<std::byte> features() = 0;
  virtual Status check_features(std::span<const std::byte> needed) = 0;

  // Of the RAM region; the contract is that of cw_vmm_ops.
  virtual Status dirty_start() = 0;
  virtual Status dirty_collect(BitmapView into) = 0;
  virtual Status dirty_rearm(uint64_t first, uint64_t blocks) = 0;
  virtual Status dirty_stop() = 0;

  // Ends the vCPU threads; the machine is not started again.
  virtual void stop() = 0;
};

// How a machine says that its guest can run no more. Any thread.
class MachineEvents {
 public:
  virtual ~MachineEvents() = default;
  virtual void guest_died(const std::string& why) = 0;
};

}  // namespace causeway::lab
