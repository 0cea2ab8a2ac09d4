// LinkSettings: what one direction of an emulated link does to frames.
#pragma once

#include <cstdint>

#include "engine/base/time.h"

namespace causeway {

// Loss by Gilbert and Elliott: the link is in a good or a bad state and may
// change it before each frame; each state loses its share of the frames.
// Independent losses are the case that never leaves the good state.
struct LossSettings {
  double to_bad = 0;     // chance a frame
  double to_good = 1;    // 1 / mean length of a stay in the bad state, frames
  double loss_good = 0;  // share
  double loss_bad = 1;

  bool operator==(const LossSettings&) const = default;
};

struct LinkSettings {
  // Counted over whole Ethernet frames without preamble and checksum, as the
  // interface's own counters do. 0: unlimited.
  uint64_t rate_bits_s = 0;
  Duration delay{};   // one way, after the last bit has left
  Duration jitter{};  // each frame's delay is delay +- jitter, order kept
  LossSettings loss;
  // This share of the frames arrives reorder_by later than the others, which
  // overtake it.
  double reorder = 0;
  Duration reorder_by = std::chrono::milliseconds(1);
  // Bytes that wait for the rate, the frame being sent included. 0: one
  // bandwidth-delay product (queue_limit()).
  uint64_t queue_bytes = 0;

  bool operator==(const LinkSettings&) const = default;
};

// The queue that the settings come to: queue_bytes, or the product of rate
// and round trip, at least kQueueBytesAutoMin.
uint64_t queue_limit(const LinkSettings& settings);

// The share of frames that `loss` loses in the long run.
double mean_loss(const LossSettings& loss);

}  // namespace causeway
