#include "tools/agent/agent.h"

#include <poll.h>
#include <spdlog/spdlog.h>

#include <numeric>
#include <utility>

#include "tools/agent/at_once.h"
#include "tools/agent/guest_json.h"
#include "tools/agent/guest_monitor.h"
#include "tools/agent/limits.h"
#include "tools/agent/new_guest.h"
#include "tools/agent/recovery.h"
#include "tools/agent/undecided_departure.h"

namespace causeway {

// Keeps an arrival in the map while a call looks at it.
class Agent::ArrivalUse {
 public:
  ArrivalUse(Agent* agent, const std::string& id) : agent_(agent), id_(id) {
    const std::lock_guard lock(agent_->mutex_);
    const auto place = agent_->arrivals_.find(id);
    if (place == agent_->arrivals_.end()) return;
    ++place->second.calls;
    arrival_ = place->second.arrival.get();
  }
  ~ArrivalUse() {
    if (arrival_ == nullptr) return;
    const std::lock_guard lock(agent_->mutex_);
    --agent_->arrivals_.at(id_).calls;
  }
  ArrivalUse(const ArrivalUse&) = delete;
  ArrivalUse& operator=(const ArrivalUse&) = delete;

  // nullptr when there is none of this id.
  Arrival* get() const { return arrival_; }

 private:
  Agent* agent_;
  std::string id_;
  Arrival* arrival_ = nullptr;
};

Result<std::unique_ptr<Agent>> Agent::create(const AgentOptions& options) {
  CAUSEWAY_ASSIGN(GuestStore store, GuestStore::open(options.state_folder));
  CAUSEWAY_ASSIGN(Journal journal, Journal::open(store.journal()));
  std::unique_ptr<Agent> agent(
      new Agent(options, std::move(store), std::move(journal)));
  CAUSEWAY_TRY(recover_host(&agent->host_));
  return agent;
}

Agent::Agent(const AgentOptions& options, GuestStore store, Journal journal)
    : host_{options.name,
            options.program_folder,
            options.mover_listen,
            options.memory_limit_bytes,
            options.tls,
            std::move(store),
            VmmLauncher(options.program_folder, options.vmm_arguments),
            std::move(journal),
            {},
            {},
            {},
            {},
            {},
            {}} {}

Agent::~Agent() { arrivals_.clear(); }

void Agent::set_address(const std::string& address) {
  const std::lock_guard lock(host_.address_mutex);
  host_.listening_at = address;
}

void Agent::watch_guests(const std::vector<int>& stop_fds) {
  for (;;) {
    const std::vector<int> exit_fds = host_.table.exit_fds();
    std::vector<pollfd> fds;
    fds.reserve(stop_fds.size() + exit_fds.size());
    for (const int fd : stop_fds) fds.push_back({fd, POLLIN, 0});
    for (const int fd : exit_fds) fds.push_back({fd, POLLIN, 0});
    if (poll(fds.data(), fds.size(), -1) < 0) continue;
    for (size_t i = 0; i < stop_fds.size(); ++i) {
      if (fds[i].revents != 0) return;
    }
    for (const GuestView& view : host_.table.note_deaths()) {
      const std::string& name = view.record.config.name();
      spdlog::error("guest {} died: {}; its log ends: {}", name, view.why,
                    log_tail(host_.store.paths(name).log));
    }
  }
}

void Agent::cancel_moves() {
  host_.watchers.stop();
  std::vector<std::string> arriving;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& [id, departure] : departures_) departure->cancel();
    for (const auto& [id, held] : arrivals_) arriving.push_back(id);
  }
  for (const std::string& id : arriving) {
    // Refused for those that have arrived: they stay.
    (void)discard_here(id).has_value();
  }
}

void Agent::stop_all_guests() {
  for (const GuestView& view : host_.table.all()) {
    const std::string& name = view.record.config.name();
    if (Status stopped = stop_guest(name); !stopped) {
      spdlog::warn("guest {} is not stopped: {}", name,
                   stopped.error().message);
    }
  }
}

Status Agent::check_disk_is_free(const control::GuestConfig& config) const {
  if (config.disk_path().empty()) return {};
  for (const GuestView& view : host_.table.all()) {
    const control::GuestConfig& other = view.record.config;
    if (other.disk_path() != config.disk_path()) continue;
    return make_error(ErrorCode::kAlreadyExists,
                      "the disk file {} is guest {}'s; two guests would "
                      "destroy it",
                      config.disk_path(), other.name());
  }
  return {};
}

Result<control::GuestStatus> Agent::run_guest(
    const control::GuestConfig& request) {
  control::GuestConfig config = request;
  CAUSEWAY_ASSIGN(const std::string notice, complete_config(&config));
  CAUSEWAY_TRY(check_disk_is_free(config));
  {
    CAUSEWAY_ASSIGN(const auto guest, NewGuest::begin(&host_, config, ""));
    CAUSEWAY_TRY(guest->await_ready());
    CAUSEWAY_TRY(guest->settle());
  }
  if (!notice.empty()) spdlog::warn("guest {}: {}", config.name(), notice);
  const auto view = host_.table.find(config.name());
  if (!view) {
    return make_error(ErrorCode::kGuestDied, "guest {} was stopped at once",
                      config.name());
  }
  spdlog::info("guest {} runs (pid {})", config.name(), view->record.pid);
  control::GuestStatus status = status_of(*view);
  status.set_notice(notice);
  return status;
}

control::GuestStatus Agent::status_of(const GuestView& view) const {
  control::GuestStatus status;
  *status.mutable_config() = view.record.config;
  status.set_state(guest_phase_name(view.phase));
  status.set_why(view.why);
  status.set_pid(view.record.pid);
  if (view.phase == GuestPhase::kDied) return status;
  if (view.phase == GuestPhase::kStarting) return status;
  const auto paths = host_.store.paths(view.record.config.name());
  const auto monitor = monitor_status(paths.monitor_socket);
  if (!monitor) {
    status.set_why(monitor.error().message);
    return status;
  }
  const std::string state = text_member(*monitor, "state");
  if (view.phase == GuestPhase::kRunning || state == "died") {
    status.set_state(state);
    status.set_why(text_member(*monitor, "why"));
  }
  status.set_filled(flag_member(*monitor, "filled"));
  const auto steps = counts_member(*monitor, "steps");
  status.set_steps(std::accumulate(steps.begin(), steps.end(), uint64_t{0}));
  status.set_blackout_ms(number_member(*monitor, "blackout_ns") / 1e6);
  status.set_monitor_json(monitor->dump());
  return status;
}

control::GuestList Agent::list_guests() {
  control::GuestList list;
  list.set_agent(host_.name);
  const std::vector<GuestView> views = host_.table.all();
  for (size_t i = 0; i < views.size(); ++i) list.add_guests();
  for_each_at_once(views.size(), [&](size_t i) {
    *list.mutable_guests(static_cast<int>(i)) = status_of(views[i]);
  });
  return list;
}

Result<GuestPaths> Agent::paths_of(const std::string& name) const {
  const auto view = host_.table.find(name);
  if (!view) {
    return make_error(ErrorCode::kNotFound,
                      "host {} has no guest named {}; `causeway guest list` "
                      "shows those it has",
                      host_.name, name);
  }
  if (view->phase == GuestPhase::kDied) {
    return make_error(ErrorCode::kGuestDied, "guest {} has died: {}", name,
                      view->why);
  }
  return host_.store.paths(name);
}

Result<control::CheckReply> Agent::check_guest(const std::string& name) {
  CAUSEWAY_ASSIGN(const GuestPaths paths, paths_of(name));
  CAUSEWAY_ASSIGN(const auto answer, monitor_check(paths.monitor_socket));
  control::CheckReply reply;
  reply.set_ok(flag_member(answer, "ok"));
  reply.set_json(answer.dump());
  return reply;
}

Status Agent::stop_guest(const std::string& name) {
  CAUSEWAY_ASSIGN(GuestTable::Claim claim,
                  host_.table.claim(name, GuestPhase::kStopping, host_.name));
  const GuestPaths paths = host_.store.paths(name);
  auto vmm = claim.drop();
  if (vmm) stop_vmm(&*vmm, paths.monitor_socket);
  host_.store.remove(name);
  spdlog::info("guest {} is stopped", name);
  return {};
}

Status Agent::break_guest(const control::Fault& fault) {
  CAUSEWAY_ASSIGN(const GuestPaths paths, paths_of(fault.name()));
  if (fault.has_death()) return monitor_kill_guest(paths.monitor_socket);
  return monitor_flip_bit(paths.monitor_socket, fault.flipped_bit());
}

Status Agent::migrate(const control::MigrateRequest& request,
                      const MigrationEventSink& sink) {
  CAUSEWAY_ASSIGN(const auto departure, Departure::begin(&host_, request));
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) departure->cancel();
    departures_[departure->id()] = departure.get();
  }
  spdlog::info("guest {} leaves for {}: migration {}", request.guest(),
               request.to(), departure->id());
  Status status = departure->run(sink);
  control::WatchEvent ended;
  ended.set_migration(departure->id());
  ended.set_guest(request.guest());
  ended.mutable_ended()->set_message(status ? "" : status.error().message);
  {
    const std::lock_guard lock(mutex_);
    departures_.erase(departure->id());
    host_.watchers.publish(ended);
  }
  departed_.notify_all();
  if (!status) {
    host_.metrics.failed(status.error().code);
    spdlog::warn("migration {} of guest {} failed: {}", departure->id(),
                 request.guest(), status.error().message);
  }
  return status;
}

Result<Departure*> Agent::find_departure(const std::string& name) {
  for (const auto& [id, departure] : departures_) {
    if (id == name || departure->guest() == name) return departure;
  }
  return make_error(ErrorCode::kNotFound,
                    "host {} has no migration \"{}\" under way; `causeway "
                    "status` shows those it has",
                    host_.name, name);
}

Status Agent::cancel(const std::string& migration) {
  std::string id;
  {
    std::unique_lock lock(mutex_);
    CAUSEWAY_ASSIGN(Departure * departure, find_departure(migration));
    id = departure->id();
    departure->cancel();
    departed_.wait(lock, [&] { return !departures_.contains(id); });
  }
  CAUSEWAY_ASSIGN(const auto entry, host_.journal.find(id));
  if (!entry || entry->record == MigrationRecord::kAborted) return {};
  return make_error(ErrorCode::kInvalidArgument,
                    "it was too late to cancel migration {}: guest {} has been "
                    "committed to {}",
                    id, entry->guest, entry->peer);
}

Status Agent::hold(const std::string& migration, bool held) {
  const std::lock_guard lock(mutex_);
  CAUSEWAY_ASSIGN(Departure * departure, find_departure(migration));
  return departure->hold(held);
}

Status Agent::watch(const std::string& migration, const WatchSink& sink) {
  std::string id;
  std::unique_ptr<Watchers::Watch> watch;
  {
    // Under the lock: it cannot end between being found and being watched.
    const std::lock_guard lock(mutex_);
    if (!migration.empty()) {
      CAUSEWAY_ASSIGN(const Departure* departure, find_departure(migration));
      id = departure->id();
    }
    watch = std::make_unique<Watchers::Watch>(&host_.watchers, id);
  }
  while (!watch->over()) {
    const auto event = watch->next(kWatchLookPeriod);
    if (!sink(event ? &*event : nullptr)) break;
  }
  return {};
}

Result<control::ReserveReply> Agent::reserve(
    const std::string& peer, const control::ReserveRequest& request) {
  CAUSEWAY_ASSIGN(auto arrival, Arrival::reserve(&host_, peer, request));
  spdlog::info("guest {} is expected: migration {}", request.config().name(),
               request.migration());
  control::ReserveReply reply;
  reply.set_mover_address(arrival->mover_address());
  const std::lock_guard lock(mutex_);
  if (stopping_) {
    return make_error(ErrorCode::kCancelled, "the agent of {} is stopping",
                      host_.name);
  }
  HeldArrival held;
  held.arrival = std::move(arrival);
  if (!arrivals_.try_emplace(request.migration(), std::move(held)).second) {
    return make_error(ErrorCode::kAlreadyExists,
                      "migration {} is known already", request.migration());
  }
  arrival_order_.push_back(request.migration());
  forget_old_arrivals();
  return reply;
}

void Agent::forget_old_arrivals() {
  for (size_t i = 0; arrival_order_.size() > kEndedArrivalsMax &&
                     i < arrival_order_.size();) {
    const auto place = arrivals_.find(arrival_order_[i]);
    if (place->second.calls > 0 || !place->second.arrival->ended()) {
      ++i;
      continue;
    }
    arrivals_.erase(place);
    arrival_order_.erase(arrival_order_.begin() + static_cast<ptrdiff_t>(i));
  }
}

Result<control::OutcomeReply> Agent::outcome(const std::string& peer,
                                             const std::string& migration) {
  CAUSEWAY_TRY(check_peer(peer, migration, MigrationRole::kTarget));
  const ArrivalUse use(this, migration);
  if (use.get() == nullptr) {
    return make_error(ErrorCode::kNotFound, "host {} knows no migration {}",
                      host_.name, migration);
  }
  CAUSEWAY_ASSIGN(const std::string report, use.get()->outcome());
  control::OutcomeReply reply;
  reply.set_target_json(report);
  if (const auto view = host_.table.find(use.get()->guest_name())) {
    *reply.mutable_guest() = status_of(*view);
  }
  return reply;
}

// Whoever is let in may not touch what others have agreed on.
Status Agent::check_peer(const std::string& peer, const std::string& migration,
                         MigrationRole role) const {
  CAUSEWAY_ASSIGN(const auto entry, host_.journal.find(migration));
  if (!entry || entry->role != role || entry->peer_name == peer) return {};
  return make_error(ErrorCode::kPermission,
                    "migration {} is \"{}\"'s, not \"{}\"'s", migration,
                    entry->peer_name, peer);
}

Status Agent::discard(const std::string& peer, const std::string& migration) {
  CAUSEWAY_TRY(check_peer(peer, migration, MigrationRole::kTarget));
  return discard_here(migration);
}

// The source, or this host, says that it stays there.
Status Agent::discard_here(const std::string& migration) {
  const ArrivalUse use(this, migration);
  if (use.get() != nullptr) CAUSEWAY_TRY(use.get()->discard());
  if (!host_.undecided.has(migration)) return {};
  const Status done =
      host_.undecided.carry_out(migration, Verdict::kStayAtSource);
  if (!done && done.error().code == ErrorCode::kNotFound) return {};
  return done;
}

bool Agent::under_way(const std::string& migration) {
  const std::lock_guard lock(mutex_);
  const auto arrival = arrivals_.find(migration);
  return departures_.contains(migration) ||
         (arrival != arrivals_.end() && !arrival->second.arrival->ended());
}

Result<control::DecisionReply> Agent::decision(const std::string& peer,
                                               const std::string& migration) {
  CAUSEWAY_TRY(check_peer(peer, migration, MigrationRole::kSource));
  control::DecisionReply reply;
  // A departure whose mover is gone is still under way to its caller.
  const bool undecided = host_.undecided.has(migration);
  if (!undecided && under_way(migration)) return reply;
  CAUSEWAY_ASSIGN(const auto entry, host_.journal.find(migration));
  if (!entry || entry->role != MigrationRole::kSource) {
    reply.set_why(fmt::format("host {} knows nothing of migration {}",
                              host_.name, migration));
    return reply;
  }
  switch (entry->record) {
    case MigrationRecord::kDiscarded:
      reply.set_decision(control::DecisionReply::COMMIT);
      break;
    case MigrationRecord::kAborted:
      reply.set_decision(control::DecisionReply::ABORT);
      break;
    case MigrationRecord::kCommitted:
      if (look_at_image(host_, entry->guest) == CommittedImage::kFrozen) {
        reply.set_decision(control::DecisionReply::COMMIT);
      }
      break;
    default:
      reply.set_why(fmt::format("host {} has not put migration {} in order yet",
                                host_.name, migration));
  }
  return reply;
}

// The source has committed: what was prepared here may run.
Status Agent::make_it_run(const std::string& migration) {
  const Status done =
      host_.undecided.carry_out(migration, Verdict::kRunAtTarget);
  if (done || done.error().code == ErrorCode::kNotFound) return {};
  return done;
}

// Its record says that it runs, and its VMM died before anyone saw it run.
bool Agent::never_started(const JournalEntry& entry) const {
  const auto view = host_.table.find(entry.guest);
  return view && view->phase == GuestPhase::kDied &&
         view->record.incoming == entry.migration;
}

Result<control::CommitReply> Agent::commit(const std::string& peer,
                                           const std::string& migration) {
  CAUSEWAY_TRY(check_peer(peer, migration, MigrationRole::kTarget));
  control::CommitReply reply;
  if (under_way(migration)) return reply;
  if (Status done = make_it_run(migration); !done) {
    reply.set_why(done.error().message);
    return reply;
  }
  CAUSEWAY_ASSIGN(const auto entry, host_.journal.find(migration));
  if (!entry || entry->role != MigrationRole::kTarget) {
    reply.set_answer(control::CommitReply::UNKNOWN);
    reply.set_why(fmt::format(
        "host {} knows nothing of migration {}: its journal is another one",
        host_.name, migration));
    return reply;
  }
  switch (entry->record) {
    case MigrationRecord::kRunning:
      if (never_started(*entry)) {
        reply.set_answer(control::CommitReply::UNKNOWN);
        reply.set_why(fmt::format(
            "guest {} was to run on host {} and its VMM is gone: it has run "
            "there for a moment at most",
            entry->guest, host_.name));
        break;
      }
      reply.set_answer(control::CommitReply::RUNS);
      break;
    case MigrationRecord::kDiscarded:
      reply.set_answer(control::CommitReply::REFUSED);
      break;
    default:
      reply.set_answer(control::CommitReply::UNKNOWN);
      reply.set_why(fmt::format(
          "host {} lost its power while guest {} was prepared there: whether "
          "it ran is not known",
          host_.name, entry->guest));
  }
  return reply;
}

Result<control::MigrationList> Agent::list_migrations() {
  CAUSEWAY_ASSIGN(const auto entries, host_.journal.all());
  const auto reasons = host_.undecided.reasons();
  control::MigrationList list;
  list.set_agent(host_.name);
  for (const JournalEntry& entry : entries) {
    *list.add_migrations() = status_of(entry, reasons);
  }
  return list;
}

control::MigrationStatus Agent::status_of(
    const JournalEntry& entry,
    const std::map<std::string, std::string>& reasons) {
  control::MigrationStatus status;
  status.set_id(entry.migration);
  status.set_role(migration_role_name(entry.role));
  status.set_guest(entry.guest);
  status.set_peer(entry.peer);
  status.set_record(migration_record_name(entry.record));
  status.set_changed_ms(entry.changed_ms);
  status.set_why(entry.why);
  const auto reason = reasons.find(entry.migration);
  const bool open = entry.record == MigrationRecord::kPrepared ||
                    entry.record == MigrationRecord::kCommitted;
  if (under_way(entry.migration)) {
    status.set_state("under way");
  } else if (reason != reasons.end() || open) {
    status.set_state("undecided");
    if (reason != reasons.end()) status.set_why(reason->second);
    status.set_command(
        entry.role == MigrationRole::kTarget
            ? fmt::format("causeway decide {} discard --agent {}",
                          entry.migration, host_.address())
            : fmt::format("causeway decide {} discard --agent {}; when that "
                          "host is lost: causeway decide {} run-here "
                          "--target-is-gone --agent {}",
                          entry.migration, entry.peer, entry.migration,
                          host_.address()));
  } else {
    status.set_state("ended");
  }
  return status;
}

std::string Agent::metrics_text() {
  Metrics::Gauges gauges;
  for (const GuestView& view : host_.table.all()) {
    ++gauges.guests_by_state[guest_phase_name(view.phase)];
  }
  gauges.migrations_by_state["undecided"] = host_.undecided.reasons().size();
  {
    const std::lock_guard lock(mutex_);
    gauges.migrations_by_state["departing"] = departures_.size();
    for (const auto& [id, held] : arrivals_) {
      gauges.migrations_by_state["arriving"] += held.arrival->ended() ? 0 : 1;
    }
  }
  return host_.metrics.text(gauges);
}

Status Agent::decide(const control::DecideRequest& request) {
  const std::string& id = request.id();
  CAUSEWAY_ASSIGN(const auto entry, host_.journal.find(id));
  if (!entry) {
    return make_error(ErrorCode::kNotFound,
                      "host {} knows no migration {}; `causeway status` shows "
                      "those it knows",
                      host_.name, id);
  }
  const bool target = entry->role == MigrationRole::kTarget;
  if (target != request.has_discard()) {
    return make_error(
        ErrorCode::kInvalidArgument,
        "host {} is the {} of migration {}: only {} can be decided here",
        host_.name, migration_role_name(entry->role), id,
        target ? "discard" : "run-here");
  }
  if (target && under_way(id)) return discard_here(id);
  if (!host_.undecided.has(id) && entry->record == MigrationRecord::kPrepared) {
    // Its shell went with the host's power.
    return host_.journal.record(id, MigrationRecord::kPrepared,
                                MigrationRecord::kDiscarded,
                                Durability::kSynced, "the operator's word");
  }
  spdlog::warn("migration {}: the operator decides: {}", id,
               target ? "discard" : "run here");
  return host_.undecided.carry_out(id, Verdict::kStayAtSource);
}

}  // namespace causeway
