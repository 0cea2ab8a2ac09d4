// Guest: what the engine needs from a hypervisor. Implemented by
// hypervisor-shim/client (over the shim socket) and by the simulator.
//
// One owner, one thread: the session's. Calls block, each at most
// kShimCallTimeout; an Error names what broke and leaves the guest as it was
// unless said otherwise.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/guest/dirty_log.h"
#include "engine/guest/region.h"

namespace causeway {

class Guest {
 public:
  virtual ~Guest() = default;

  virtual const GuestSpec& spec() const = 0;

  // Returns when no vCPU runs and no device I/O is in flight. If this process
  // dies after pause() and before commit(), the guest resumes by itself.
  // The value is the moment, on this host's monotonic clock, when the last
  // vCPU had stopped; never before the call, never after the return, and the
  // latter may be much later than the former: the blackout begins there.
  virtual Result<Instant> pause() = 0;

  // Source: back to running (an aborted migration). Target: activation. The
  // value is the moment when the first vCPU went on, likewise within the call:
  // the blackout ends there.
  virtual Result<Instant> resume() = 0;

  // Source, paused: from here on the guest stays frozen even when this process
  // dies. The last call before the target is told to run.
  virtual Status commit() = 0;

  // All vCPU and device state of the paused guest, opaque to the engine.
  virtual Result<std::vector<std::byte>> save_state() = 0;
  virtual Status load_state(std::span<const std::byte> state) = 0;

  // The log of this guest; owned by the guest.
  virtual DirtyLog& dirty_log() = 0;

  // The reason, once the guest can run no more. Cheap; never blocks.
  virtual std::optional<Error> died() = 0;
};

}  // namespace causeway
