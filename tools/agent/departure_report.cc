#include "tools/agent/departure_report.h"

#include <algorithm>
#include <optional>

#include "tools/agent/guest_json.h"

namespace causeway {
namespace {

// Nothing when one of the two does not say.
std::optional<uint64_t> steps_lost(const Result<nlohmann::json>& frozen,
                                   const nlohmann::json& target) {
  if (!frozen) return std::nullopt;
  const auto last = counts_member(*frozen, "steps");
  const auto first = counts_member(target, "arrived_steps");
  if (last.empty() || first.size() != last.size()) return std::nullopt;
  uint64_t lost = 0;
  for (size_t i = 0; i < last.size(); ++i) {
    lost += last[i] - std::min(last[i], first[i]);
  }
  return lost;
}

}  // namespace

void add_begun_anew(nlohmann::json* report, const std::string& why,
                    double earlier_s) {
  (*report)["begun_anew"] = {{"why", why}, {"seconds", earlier_s}};
  (*report)["total_s"] = number_member(*report, "total_s") + earlier_s;
}

void add_outcome(nlohmann::json* report, const control::OutcomeReply& outcome,
                 const Result<nlohmann::json>& frozen_monitor) {
  const control::GuestStatus& guest = outcome.guest();
  const auto monitor = parse_object(guest.monitor_json());
  if (const auto lost = steps_lost(frozen_monitor, monitor)) {
    (*report)["guest_steps_lost"] = *lost;
  }
  (*report)["guest_blackout_ms"] = guest.blackout_ms();
  auto target = parse_object(outcome.target_json());
  if (!target.empty()) (*report)["target"] = std::move(target);
}

MovedCounts moved_counts(const nlohmann::json& report) {
  MovedCounts counts;
  if (const auto rounds = report.find("rounds"); rounds != report.end()) {
    counts.rounds = rounds->size();
  }
  const auto bytes = report.value("bytes", nlohmann::json::object());
  counts.state_bytes = count_member(bytes, "state");
  counts.wire_bytes = count_member(bytes, "wire");
  counts.blackout_s = number_member(report, "blackout_ms") / 1e3;
  return counts;
}

}  // namespace causeway
