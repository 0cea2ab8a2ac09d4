// The text of a link, as operators and scripts write it.
//
// LinkSpec is the short form, the same both ways:
//
//   100M,50ms,0.1%      rate, ROUND TRIP, loss (optional: none)
//
// Settings are one direction's, delays are ONE WAY:
//
//   rate=100M,delay=25ms,jitter=2ms,loss=0.1%,burst=4,reorder=1%,queue=1M
//
// Rates are bits a second with K, M, G, T of 1000, as links are sold, unlike
// engine/base/units.h's bytes. Errors name the part that is wrong.
#pragma once

#include <string_view>

#include "engine/base/result.h"
#include "tools/wan-emulator/link_settings.h"

namespace causeway {

struct LinkSpec {
  uint64_t rate_bits_s = 0;
  Duration round_trip{};
  double loss = 0;  // share, independent, in each direction

  // Of either direction: half the round trip each way, automatic queue.
  LinkSettings settings() const;
};

Result<LinkSpec> parse_link_spec(std::string_view text);

// `base` with what `text` names changed; the rest stays. Keys:
//   rate        bits a second, or "unlimited"
//   delay jitter reorder-by    "25ms"
//   loss        share of frames, "0.1%"
//   burst       the losses come in bursts of this mean length, frames
//   gilbert     TO_BAD/TO_GOOD[/LOSS_BAD[/LOSS_GOOD]]: chances and shares, "%"
//   reorder     share of frames
//   queue       bytes ("256K"), or "auto"
Result<LinkSettings> parse_link_settings(std::string_view text,
                                         const LinkSettings& base);

// "100M", "1.5Gbit", "64k" -> bits a second.
Result<uint64_t> parse_bit_rate(std::string_view text);
// "100 Mbit/s", "1.5 Gbit/s"
std::string format_bit_rate(uint64_t bits_s);

}  // namespace causeway
