#include "tools/agent/departures.h"

#include <spdlog/spdlog.h>

#include "tools/agent/limits.h"

namespace causeway {

void Departures::stop() {
  host_->watchers.stop();
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  for (const auto& [id, departure] : departures_) departure->cancel();
}

bool Departures::has(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  return departures_.contains(id);
}

size_t Departures::count() const {
  const std::lock_guard lock(mutex_);
  return departures_.size();
}

Status Departures::migrate(const control::MigrateRequest& request,
                           const MigrationEventSink& sink) {
  CAUSEWAY_ASSIGN(auto departure, Departure::begin(host_, request));
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) departure->cancel();
    departures_[departure->id()] = departure.get();
  }
  for (;;) {
    spdlog::info("guest {} leaves for {}: migration {}", request.guest(),
                 request.to(), departure->id());
    Status status = departure->run(sink);
    auto next = follow(*departure, &status);
    departed_.notify_all();
    if (next == nullptr) return status;
    departure = std::move(next);
  }
}

// Under the lock: nobody finds neither of the two, or cancels the first while
// the second begins.
std::unique_ptr<Departure> Departures::follow(const Departure& departure,
                                              Status* status) {
  const std::lock_guard lock(mutex_);
  departures_.erase(departure.id());
  std::unique_ptr<Departure> next;
  std::string message = *status ? "" : status->error().message;
  if (const auto wish = departure.next(); wish && !stopping_) {
    auto begun = Departure::begin(host_, wish->request, wish->earlier);
    if (begun) {
      next = std::move(begun).value();
      departures_[next->id()] = next.get();
      message = fmt::format("it begins anew as {}: {}", next->id(),
                            wish->earlier.why);
    } else {
      *status = std::move(begun).error();
      message = status->error().message;
    }
  }
  control::WatchEvent ended;
  ended.set_migration(departure.id());
  ended.set_guest(departure.guest());
  ended.mutable_ended()->set_message(message);
  host_->watchers.publish(ended);
  if (!*status && next == nullptr) {
    host_->metrics.failed(status->error().code);
    spdlog::warn("migration {} of guest {} failed: {}", departure.id(),
                 departure.guest(), message);
  }
  return next;
}

Result<Departure*> Departures::find(const std::string& migration) {
  for (const auto& [id, departure] : departures_) {
    const auto& earlier = departure->earlier();
    if (id == migration || departure->guest() == migration ||
        (earlier && earlier->id == migration)) {
      return departure;
    }
  }
  return make_error(ErrorCode::kNotFound,
                    "host {} has no migration \"{}\" under way; `causeway "
                    "status` shows those it has",
                    host_->name, migration);
}

Status Departures::cancel(const std::string& migration) {
  std::string id;
  {
    std::unique_lock lock(mutex_);
    CAUSEWAY_ASSIGN(Departure * departure, find(migration));
    id = departure->id();
    departure->cancel();
    departed_.wait(lock, [&] { return !departures_.contains(id); });
  }
  CAUSEWAY_ASSIGN(const auto entry, host_->journal.find(id));
  if (!entry || entry->record == MigrationRecord::kAborted) return {};
  return make_error(ErrorCode::kInvalidArgument,
                    "it was too late to cancel migration {}: guest {} has been "
                    "committed to {}",
                    id, entry->guest, entry->peer);
}

Status Departures::hold(const std::string& migration, bool held) {
  const std::lock_guard lock(mutex_);
  CAUSEWAY_ASSIGN(Departure * departure, find(migration));
  return departure->hold(held);
}

Status Departures::watch(const std::string& migration, const WatchSink& sink) {
  std::string id;
  std::unique_ptr<Watchers::Watch> watch;
  {
    // Under the lock: it cannot end between being found and being watched.
    const std::lock_guard lock(mutex_);
    if (!migration.empty()) {
      CAUSEWAY_ASSIGN(const Departure* departure, find(migration));
      id = departure->id();
    }
    watch = std::make_unique<Watchers::Watch>(&host_->watchers, id);
  }
  while (!watch->over()) {
    const auto event = watch->next(kWatchLookPeriod);
    if (!sink(event ? &*event : nullptr)) break;
  }
  return {};
}

}  // namespace causeway
