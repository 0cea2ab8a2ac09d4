#include "tools/agent/guests.h"

#include <spdlog/spdlog.h>

#include "tools/agent/at_once.h"
#include "tools/agent/guest_json.h"
#include "tools/agent/guest_monitor.h"
#include "tools/agent/guest_status.h"
#include "tools/agent/new_guest.h"

namespace causeway {

void Guests::stop_all() {
  for (const GuestView& view : host_->table.all()) {
    const std::string& name = view.record.config.name();
    if (Status stopped = stop(name); !stopped) {
      spdlog::warn("guest {} is not stopped: {}", name,
                   stopped.error().message);
    }
  }
}

Status Guests::check_disk_is_free(const control::GuestConfig& config) const {
  if (config.disk_path().empty()) return {};
  for (const GuestView& view : host_->table.all()) {
    const control::GuestConfig& other = view.record.config;
    if (other.disk_path() != config.disk_path()) continue;
    return make_error(ErrorCode::kAlreadyExists,
                      "the disk file {} is guest {}'s; two guests would "
                      "destroy it",
                      config.disk_path(), other.name());
  }
  return {};
}

Result<control::GuestStatus> Guests::run(const control::GuestConfig& request) {
  control::GuestConfig config = request;
  CAUSEWAY_ASSIGN(const std::string notice, complete_config(&config));
  CAUSEWAY_TRY(check_disk_is_free(config));
  {
    CAUSEWAY_ASSIGN(const auto guest, NewGuest::begin(host_, config, ""));
    CAUSEWAY_TRY(guest->await_ready());
    CAUSEWAY_TRY(guest->settle());
  }
  if (!notice.empty()) spdlog::warn("guest {}: {}", config.name(), notice);
  const auto view = host_->table.find(config.name());
  if (!view) {
    return make_error(ErrorCode::kGuestDied, "guest {} was stopped at once",
                      config.name());
  }
  spdlog::info("guest {} runs (pid {})", config.name(), view->record.pid);
  control::GuestStatus status = guest_status(*host_, *view);
  status.set_notice(notice);
  return status;
}

control::GuestList Guests::list() const {
  control::GuestList list;
  list.set_agent(host_->name);
  const std::vector<GuestView> views = host_->table.all();
  for (size_t i = 0; i < views.size(); ++i) list.add_guests();
  for_each_at_once(views.size(), [&](size_t i) {
    *list.mutable_guests(static_cast<int>(i)) = guest_status(*host_, views[i]);
  });
  return list;
}

Result<GuestPaths> Guests::paths_of(const std::string& name) const {
  const auto view = host_->table.find(name);
  if (!view) {
    return make_error(ErrorCode::kNotFound,
                      "host {} has no guest named {}; `causeway guest list` "
                      "shows those it has",
                      host_->name, name);
  }
  if (view->phase == GuestPhase::kDied) {
    return make_error(ErrorCode::kGuestDied, "guest {} has died: {}", name,
                      view->why);
  }
  return host_->store.paths(name);
}

Result<control::CheckReply> Guests::check(const std::string& name) const {
  CAUSEWAY_ASSIGN(const GuestPaths paths, paths_of(name));
  CAUSEWAY_ASSIGN(const auto answer, monitor_check(paths.monitor_socket));
  control::CheckReply reply;
  reply.set_ok(flag_member(answer, "ok"));
  reply.set_json(answer.dump());
  return reply;
}

Status Guests::stop(const std::string& name) {
  CAUSEWAY_ASSIGN(GuestTable::Claim claim,
                  host_->table.claim(name, GuestPhase::kStopping, host_->name));
  CAUSEWAY_TRY(remember_unstarted(claim.view().record));
  const GuestPaths paths = host_->store.paths(name);
  auto vmm = claim.drop();
  if (vmm) stop_vmm(&*vmm, paths.monitor_socket);
  host_->store.remove(name);
  spdlog::info("guest {} is stopped", name);
  return {};
}

// A guest that had moved here and was never seen to run: its source keeps the
// frozen image, and may ask when nothing else is left to say so.
Status Guests::remember_unstarted(const GuestRecord& record) {
  if (record.incoming.empty()) return {};
  CAUSEWAY_ASSIGN(const auto entry, host_->journal.find(record.incoming));
  if (!entry || entry->record != MigrationRecord::kRunning) return {};
  return host_->journal.record(
      record.incoming, MigrationRecord::kRunning, MigrationRecord::kRunning,
      Durability::kSynced,
      fmt::format("guest {} was to run on host {}, was never seen to run, and "
                  "has been stopped there",
                  record.config.name(), host_->name));
}

Status Guests::inject(const control::Fault& fault) const {
  CAUSEWAY_ASSIGN(const GuestPaths paths, paths_of(fault.name()));
  if (fault.has_death()) return monitor_kill_guest(paths.monitor_socket);
  return monitor_flip_bit(paths.monitor_socket, fault.flipped_bit());
}

}  // namespace causeway
