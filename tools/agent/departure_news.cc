#include "tools/agent/departure_news.h"

#include <spdlog/spdlog.h>

#include "tools/agent/guest_json.h"

namespace causeway {

DepartureNews::DepartureNews(Watchers* watchers, MigrationEventSink caller,
                             std::string id, std::string guest)
    : watchers_(watchers),
      caller_(std::move(caller)),
      id_(std::move(id)),
      guest_(std::move(guest)) {
  control::MigrationEvent event;
  event.set_started(id_);
  tell(event);
}

void DepartureNews::stage(const std::string& name) {
  control::MigrationEvent event;
  event.set_stage(name);
  tell(event);
}

void DepartureNews::progress(const nlohmann::json& body) {
  control::MigrationEvent event;
  control::Progress* progress = event.mutable_progress();
  progress->set_stage(text_member(body, "stage"));
  progress->set_round(static_cast<uint32_t>(count_member(body, "round")));
  progress->set_sent_bytes(count_member(body, "sent_bytes"));
  progress->set_wire_bytes(count_member(body, "wire_bytes"));
  progress->set_remaining_bytes(count_member(body, "remaining_bytes"));
  progress->set_total_bytes(count_member(body, "total_bytes"));
  progress->set_dirty_bytes_s(number_member(body, "dirty_bytes_s"));
  progress->set_rate_bytes_s(number_member(body, "rate_bytes_s"));
  progress->set_eta_s(number_member(body, "eta_s", -1));
  progress->set_held(flag_member(body, "held"));
  tell(event);
}

void DepartureNews::report(const nlohmann::json& report) {
  control::MigrationEvent event;
  event.set_report_json(report.dump());
  tell(event);
}

void DepartureNews::tell(const control::MigrationEvent& event) {
  control::WatchEvent seen;
  seen.set_migration(id_);
  seen.set_guest(guest_);
  *seen.mutable_event() = event;
  watchers_->publish(seen);
  if (caller_has_gone_ || caller_(event)) return;
  caller_has_gone_ = true;
  spdlog::warn("the caller of the migration of {} has gone", guest_);
}

}  // namespace causeway
