// Dedup choice: whether the source asks the target which of its blocks are
// known there by their content, before it sends any. Asking costs the hash of
// every block and its names; each known block saves its bytes. So a sample is
// asked first. A pure function of what was seen.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/policy/path_choice.h"

namespace causeway {

enum class DedupMode : uint8_t { kAuto, kOn, kOff };
const char* dedup_mode_name(DedupMode mode);
std::optional<DedupMode> dedup_mode_from_name(std::string_view name);

// Of a source and a target that can both do it.
struct DedupObservation {
  uint64_t indexed_blocks = 0;  // what the target's index has
  // Of the sample; 0 asked: there was none yet.
  bool sampled = false;
  uint64_t asked_blocks = 0;  // that are not zero
  uint64_t known_blocks = 0;
  double name_bytes = 8;    // of a block, on the link
  double ask_bytes_s = 0;   // of the guest that the workers name; 0: not known
  double link_bytes_s = 0;  // delivered; 0: not known yet
  Duration rtt{0};          // 0: not known
};

enum class DedupStep : uint8_t { kSend, kSample, kAskAll };

struct DedupDecision {
  DedupStep step = DedupStep::kSend;
  std::string why;  // for the report
};

// What a link delivers of which nothing is known but its round trip: below
// kWanRttMin a network of one site, else a leased line. It errs to the fast
// side: a block that was not asked for costs its bytes, no more.
inline constexpr double kNearLinkBytesS = 1.25e9;
inline constexpr double kFarLinkBytesS = 125e6;

// Of one worker, where it was too short to be measured: SHA-256 without the
// CPU's help is half of this, with it half more.
inline constexpr double kAskBytesSAssumed = 1e9;

DedupDecision decide_dedup(const DedupObservation& seen, DedupMode mode);

}  // namespace causeway
