#include "engine/policy/dedup_choice.h"

#include <fmt/core.h>

#include "engine/guest/region.h"

namespace causeway {
namespace {

double link_bytes_s(const DedupObservation& seen) {
  if (seen.link_bytes_s > 0) return seen.link_bytes_s;
  return seen.rtt < kWanRttMin ? kNearLinkBytesS : kFarLinkBytesS;
}

}  // namespace

const char* dedup_mode_name(DedupMode mode) {
  switch (mode) {
    case DedupMode::kAuto:
      return "auto";
    case DedupMode::kOn:
      return "on";
    case DedupMode::kOff:
      return "off";
  }
  return "unknown";
}

std::optional<DedupMode> dedup_mode_from_name(std::string_view name) {
  for (const auto mode : {DedupMode::kAuto, DedupMode::kOn, DedupMode::kOff}) {
    if (name == dedup_mode_name(mode)) return mode;
  }
  return std::nullopt;
}

DedupDecision decide_dedup(const DedupObservation& seen, DedupMode mode) {
  if (mode == DedupMode::kOff) return {DedupStep::kSend, "off"};
  if (mode == DedupMode::kOn) return {DedupStep::kAskAll, "on"};
  if (!seen.sampled) {
    if (seen.indexed_blocks == 0) {
      return {DedupStep::kSend, "the target's index is empty"};
    }
    return {DedupStep::kSample, "a sample is asked for"};
  }
  if (seen.asked_blocks == 0) {
    return {DedupStep::kSend, "nothing in the sample but zeros"};
  }
  // Asking for a byte takes 1 / ask_bytes_s and the names' time on the link,
  // sending it 1 / link_bytes_s.
  const double known = static_cast<double>(seen.known_blocks) /
                       static_cast<double>(seen.asked_blocks);
  const double ask_bytes_s =
      seen.ask_bytes_s > 0 ? seen.ask_bytes_s : kAskBytesSAssumed;
  const double pays_from =
      link_bytes_s(seen) / ask_bytes_s + seen.name_bytes / double{kBlockBytes};
  DedupDecision decision;
  decision.step = known > pays_from ? DedupStep::kAskAll : DedupStep::kSend;
  decision.why = fmt::format(
      "{:.0f} % of a sample of {} are known there, asking pays from {:.1f} %",
      100 * known, seen.asked_blocks, 100 * pays_from);
  return decision;
}

}  // namespace causeway
