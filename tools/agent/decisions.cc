#include "tools/agent/decisions.h"

#include <spdlog/spdlog.h>

#include "tools/agent/peer_check.h"
#include "tools/agent/undecided_departure.h"

namespace causeway {

bool Decisions::under_way(const std::string& migration) const {
  return departures_->has(migration) || arrivals_->under_way(migration);
}

Result<control::DecisionReply> Decisions::decision(
    const std::string& peer, const std::string& migration) const {
  CAUSEWAY_TRY(
      check_peer(host_->journal, peer, migration, MigrationRole::kSource));
  control::DecisionReply reply;
  // A departure whose mover is gone is still under way to its caller.
  const bool undecided = host_->undecided.has(migration);
  if (!undecided && under_way(migration)) return reply;
  CAUSEWAY_ASSIGN(const auto entry, host_->journal.find(migration));
  if (!entry || entry->role != MigrationRole::kSource) {
    reply.set_why(fmt::format("host {} knows nothing of migration {}",
                              host_->name, migration));
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
      if (look_at_image(*host_, entry->guest) == CommittedImage::kFrozen) {
        reply.set_decision(control::DecisionReply::COMMIT);
      }
      break;
    default:
      reply.set_why(fmt::format("host {} has not put migration {} in order yet",
                                host_->name, migration));
  }
  return reply;
}

// The source has committed: what was prepared here may run.
Status Decisions::make_it_run(const std::string& migration) {
  Status done = host_->undecided.carry_out(migration, Verdict::kRunAtTarget);
  if (done || done.error().code == ErrorCode::kNotFound) return {};
  return done;
}

// Its record says that it runs, and its VMM died before anyone saw it run.
bool Decisions::never_started(const JournalEntry& entry) const {
  const auto view = host_->table.find(entry.guest);
  return view && view->record.incoming == entry.migration;
}

Result<control::CommitReply> Decisions::commit(const std::string& peer,
                                               const std::string& migration) {
  CAUSEWAY_TRY(
      check_peer(host_->journal, peer, migration, MigrationRole::kTarget));
  control::CommitReply reply;
  if (under_way(migration)) return reply;
  if (Status done = make_it_run(migration); !done) {
    reply.set_why(done.error().message);
    return reply;
  }
  CAUSEWAY_ASSIGN(const auto entry, host_->journal.find(migration));
  if (!entry || entry->role != MigrationRole::kTarget) {
    reply.set_answer(control::CommitReply::UNKNOWN);
    reply.set_why(fmt::format(
        "host {} knows nothing of migration {}: its journal is another one",
        host_->name, migration));
    return reply;
  }
  return answer_of(*entry);
}

control::CommitReply Decisions::answer_of(const JournalEntry& entry) const {
  control::CommitReply reply;
  reply.set_answer(control::CommitReply::UNKNOWN);
  if (entry.record == MigrationRecord::kDiscarded) {
    reply.set_answer(control::CommitReply::REFUSED);
  } else if (entry.record != MigrationRecord::kRunning) {
    reply.set_why(fmt::format(
        "host {} lost its power while guest {} was prepared there: whether "
        "it ran is not known",
        host_->name, entry.guest));
  } else if (!entry.why.empty()) {
    // Guests::remember_unstarted().
    reply.set_why(entry.why);
  } else if (never_started(entry)) {
    reply.set_why(fmt::format(
        "guest {} was to run on host {} and its VMM is gone: it has run "
        "there for a moment at most",
        entry.guest, host_->name));
  } else {
    reply.set_answer(control::CommitReply::RUNS);
  }
  return reply;
}

Result<control::MigrationList> Decisions::list() const {
  CAUSEWAY_ASSIGN(const auto entries, host_->journal.all());
  const auto reasons = host_->undecided.reasons();
  control::MigrationList list;
  list.set_agent(host_->name);
  for (const JournalEntry& entry : entries) {
    *list.add_migrations() = status_of(entry, reasons);
  }
  return list;
}

control::MigrationStatus Decisions::status_of(
    const JournalEntry& entry,
    const std::map<std::string, std::string>& reasons) const {
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
                          entry.migration, host_->address())
            : fmt::format("causeway decide {} discard --agent {}; when that "
                          "host is lost: causeway decide {} run-here "
                          "--target-is-gone --agent {}",
                          entry.migration, entry.peer, entry.migration,
                          host_->address()));
  } else {
    status.set_state("ended");
  }
  return status;
}

Status Decisions::decide(const control::DecideRequest& request) {
  const std::string& id = request.id();
  CAUSEWAY_ASSIGN(const auto entry, host_->journal.find(id));
  if (!entry) {
    return make_error(ErrorCode::kNotFound,
                      "host {} knows no migration {}; `causeway status` shows "
                      "those it knows",
                      host_->name, id);
  }
  const bool target = entry->role == MigrationRole::kTarget;
  if (target != request.has_discard()) {
    return make_error(
        ErrorCode::kInvalidArgument,
        "host {} is the {} of migration {}: only {} can be decided here",
        host_->name, migration_role_name(entry->role), id,
        target ? "discard" : "run-here");
  }
  if (target && under_way(id)) return arrivals_->discard(id);
  if (!host_->undecided.has(id) &&
      entry->record == MigrationRecord::kPrepared) {
    // Its shell went with the host's power.
    return host_->journal.record(id, MigrationRecord::kPrepared,
                                 MigrationRecord::kDiscarded,
                                 Durability::kSynced, "the operator's word");
  }
  spdlog::warn("migration {}: the operator decides: {}", id,
               target ? "discard" : "run here");
  return host_->undecided.carry_out(id, Verdict::kStayAtSource);
}

}  // namespace causeway
