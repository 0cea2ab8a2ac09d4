// BulkChannel: one worker's way of putting blocks into the target's regions.
// Implemented by engine/path/stream (tcp, wan), engine/path/loopback (a
// virtual link in virtual time) and engine/path/stripe (several of them);
// tests/contract/path_contract.h holds for all.
//
// One owner, one thread. No call blocks. An Error means that the channel is
// broken for good: what no fence covered must be taken as not landed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/limits.h"
#include "engine/base/result.h"
#include "engine/base/stepper.h"
#include "engine/path/put.h"

namespace causeway {

struct ChannelLimits {
  uint32_t payload_bytes_max = 0;   // of one put
  uint32_t puts_in_flight_max = 0;  // not yet released
  // Payloads that are worth posting before they are in ChannelProgress's
  // wire_bytes. More has left the cache when a CPU copies it; a device wants to
  // know early what comes.
  uint64_t ahead_bytes_max = 2 * uint64_t{kPutBytesMax};
  // != 0: a range of a region, so long, has its channel among those of the path
  // by its number, where what it needs is prepared; and no two puts of one
  // block go without a fence between them.
  uint64_t home_bytes = 0;
};

// Totals since the channel was opened.
struct ChannelProgress {
  uint64_t puts_released = 0;  // the first so many puts' payloads are free
  FenceId fence_landed = 0;    // all puts before this fence have landed
  uint64_t wire_bytes = 0;     // sent, heads included, below no lower layer
};

class BulkChannel {
 public:
  virtual ~BulkChannel() = default;

  // Takes puts in order and returns how many; fewer than all means full, not
  // an error: poll, then post the rest.
  virtual Result<size_t> post(std::span<const Put> puts) = 0;

  // A fence behind all puts posted so far. False: full, ask again.
  virtual Result<bool> post_fence(FenceId fence) = 0;

  // Moves bytes as far as it can without waiting.
  virtual Result<ChannelProgress> poll(Instant now) = 0;

  virtual ChannelLimits limits() const = 0;

  // From here on, or no longer, a round trip costs more than bytes: somebody
  // stands still. The wan path then sends repair along, so that what is lost
  // need not come again; the others do nothing. Order, fences and release are
  // as always. Any thread.
  virtual void set_urgent(bool urgent) = 0;

  // What to sleep on until poll() can do more; returns the time at which to
  // poll in any case (kNever: only the fds matter).
  virtual Instant wait_on(WaitSet& set) const = 0;
};

}  // namespace causeway
