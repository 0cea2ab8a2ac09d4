#include "tools/agent/metrics.h"

#include <algorithm>

namespace causeway {
namespace {

std::string head(const char* name, const char* type, const char* help) {
  return fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

std::string one(const char* name, const char* type, const char* help,
                uint64_t value) {
  return head(name, type, help) + fmt::format("{} {}\n", name, value);
}

// Labels come from our own tables: nothing in them needs escaping.
std::string by(const char* name, const char* type, const char* help,
               const char* label,
               const std::map<std::string, uint64_t>& values) {
  std::string text = head(name, type, help);
  for (const auto& [key, value] : values) {
    text += fmt::format("{}{{{}=\"{}\"}} {}\n", name, label, key, value);
  }
  return text;
}

}  // namespace

void Metrics::moved(const MovedCounts& counts) {
  const std::lock_guard lock(mutex_);
  ++departed_;
  rounds_ += counts.rounds;
  state_bytes_ += counts.state_bytes;
  wire_bytes_ += counts.wire_bytes;
  blackout_sum_s_ += counts.blackout_s;
  const auto* bound = std::lower_bound(
      kBlackoutBounds.begin(), kBlackoutBounds.end(), counts.blackout_s);
  // Longer than the last bound: counted by departed_ alone, as +Inf.
  if (bound != kBlackoutBounds.end()) {
    ++blackouts_[static_cast<size_t>(bound - kBlackoutBounds.begin())];
  }
}

void Metrics::failed(ErrorCode code) {
  const std::lock_guard lock(mutex_);
  ++failed_by_code_[error_code_name(code)];
}

void Metrics::arrived() {
  const std::lock_guard lock(mutex_);
  ++arrived_;
}

void Metrics::not_arrived() {
  const std::lock_guard lock(mutex_);
  ++not_arrived_;
}

std::string Metrics::text(const Gauges& gauges) const {
  const std::lock_guard lock(mutex_);
  std::string text = by("causeway_guests", "gauge", "Guests of this host.",
                        "state", gauges.guests_by_state);
  text += by("causeway_migrations", "gauge",
             "Migrations of this host that have not ended.", "state",
             gauges.migrations_by_state);
  text += one("causeway_departures_total", "counter",
              "Guests that have moved away.", departed_);
  text += by("causeway_departures_failed_total", "counter",
             "Migrations from here that did not move their guest.", "error",
             failed_by_code_);
  text += one("causeway_arrivals_total", "counter",
              "Guests that have moved here.", arrived_);
  text += one("causeway_arrivals_failed_total", "counter",
              "Reservations whose guest did not come.", not_arrived_);
  text += one("causeway_rounds_total", "counter",
              "Rounds of the guests that have moved away.", rounds_);
  text += by("causeway_bytes_total", "counter",
             "Bytes of the guests that have moved away.", "kind",
             {{"state", state_bytes_}, {"wire", wire_bytes_}});
  text += head("causeway_blackout_seconds", "histogram",
               "Blackout of the guests that have moved away.");
  uint64_t up_to = 0;
  for (size_t i = 0; i < kBlackoutBounds.size(); ++i) {
    up_to += blackouts_[i];
    text += fmt::format("causeway_blackout_seconds_bucket{{le=\"{}\"}} {}\n",
                        kBlackoutBounds[i], up_to);
  }
  text += fmt::format(
      "causeway_blackout_seconds_bucket{{le=\"+Inf\"}} {}\n"
      "causeway_blackout_seconds_sum {}\ncauseway_blackout_seconds_count {}\n",
      departed_, blackout_sum_s_, departed_);
  return text;
}

}  // namespace causeway
