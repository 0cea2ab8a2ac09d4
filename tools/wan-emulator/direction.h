// Direction: frames of one port, through a link, out of the other port.
//
//   port ─ ring ─► slots of the pool ─► Link (when) ─► port, in bursts
//
// One thread. receive() and deliver() allocate nothing and ask no clock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "tools/wan-emulator/frame_pool.h"
#include "tools/wan-emulator/lateness.h"
#include "tools/wan-emulator/link.h"
#include "tools/wan-emulator/packet_port.h"

namespace causeway {

// What the emulator itself did wrong, or could not do: any of them means that
// the link was not what it was set to.
struct DirectionTroubles {
  uint64_t refused_frames = 0;  // longer than the MTU, or a VLAN tag
  uint64_t no_memory_frames = 0;
  uint64_t send_failures = 0;
};

struct DirectionOptions {
  uint64_t memory_bytes = 0;
  uint64_t seed = 0;
  Duration late_limit{};
};

class Direction {
 public:
  // The ports outlive it.
  static Result<Direction> create(PacketPort* from, PacketPort* to,
                                  const DirectionOptions& options);

  void set(Instant now, const LinkSettings& settings);

  // Takes up to kReceiveBurst frames that have come. `now` and `wall_offset`,
  // CLOCK_REALTIME minus the engine's time, read just before. Returns how many.
  size_t receive(Instant now, Duration wall_offset);

  // Sends up to kSendBurst frames that are due at `now`. Returns how many it
  // has taken off the link, losses included.
  size_t deliver(Instant now);
  // After a deliver() that did: it began and ended at these times.
  void note_delivered(Instant began, Instant ended);

  Instant next_arrival() const { return link_.next_arrival(); }
  const Link& link() const { return link_; }
  const Lateness& lateness() const { return lateness_; }
  const DirectionTroubles& troubles() const { return troubles_; }
  uint64_t ring_drops() { return from_->ring_drops(); }

 private:
  Direction(PacketPort* from, PacketPort* to, FramePool pool,
            const DirectionOptions& options);
  void take_in(const RingFrame& frame, Instant came);

  PacketPort* from_;
  PacketPort* to_;
  FramePool pool_;
  Link link_;
  Lateness lateness_;
  DirectionTroubles troubles_;
  Instant last_came_;
  std::array<Instant, kSendBurst> due_;  // of the frames last sent
  size_t due_count_ = 0;
};

}  // namespace causeway
