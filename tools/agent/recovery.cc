#include "tools/agent/recovery.h"

#include <signal.h>
#include <spdlog/spdlog.h>

#include <map>
#include <mutex>
#include <set>

#include "tools/agent/at_once.h"
#include "tools/agent/guest_json.h"
#include "tools/agent/guest_monitor.h"
#include "tools/agent/limits.h"
#include "tools/agent/new_guest.h"
#include "tools/agent/undecided_arrival.h"
#include "tools/agent/undecided_departure.h"

namespace causeway {
namespace {

constexpr const char* kAgentRestarted = "the agent was started anew";

bool is_open(const JournalEntry& entry) {
  return entry.record == MigrationRecord::kNothing ||
         entry.record == MigrationRecord::kPrepared ||
         entry.record == MigrationRecord::kCommitted;
}

class Recovery {
 public:
  explicit Recovery(Host* host) : host_(host) {}

  Status run() {
    CAUSEWAY_ASSIGN(const auto entries, host_->journal.all());
    for (const JournalEntry& entry : entries) {
      end_mover(entry);
      if (entry.role == MigrationRole::kTarget) {
        arrivals_.insert_or_assign(entry.migration, entry);
      } else if (is_open(entry)) {
        departures_.insert_or_assign(entry.guest, entry);
      }
    }
    const std::vector<std::string> names = host_->store.names();
    for_each_at_once(names.size(), [&](size_t i) { recover_guest(names[i]); });
    for (const JournalEntry& entry : entries) close_row(entry);
    return host_->journal.forget_old(kEndedMigrationsMax);
  }

 private:
  // An earlier agent's mover must not go on beside what is decided here; also
  // one that ended badly, or was stopped.
  static void end_mover(const JournalEntry& entry) {
    if (entry.mover_pid <= 0) return;
    auto mover = ChildProcess::adopt(entry.mover_pid, entry.mover_start_ticks);
    if (!mover) return;
    spdlog::warn("migration {}: its mover (pid {}) is ended", entry.migration,
                 entry.mover_pid);
    mover->kill(SIGKILL);
    mover->wait();
  }

  // Any thread.
  void recover_guest(const std::string& name) {
    auto record = host_->store.load(name);
    if (!record) {
      spdlog::error("the folder of guest {} is left alone: {}", name,
                    record.error().message);
      const std::lock_guard lock(unreadable_mutex_);
      unreadable_.insert(name);
      return;
    }
    auto adopted = ChildProcess::adopt(record->pid, record->start_ticks);
    std::optional<ChildProcess> vmm;
    if (adopted) vmm.emplace(std::move(*adopted));
    const bool incoming = !record->incoming.empty();
    auto claim = host_->table.claim_new(
        record->config,
        incoming ? GuestPhase::kArriving : GuestPhase::kStarting, host_->name);
    CAUSEWAY_ASSERT(claim.has_value());
    if (record->pid < 0) {
      spdlog::warn("guest {} was being made: what there is of it is removed",
                   name);
      // Goes with this object.
      const auto unmade = NewGuest::adopt(host_, std::move(*record),
                                          std::move(*claim), std::nullopt);
    } else if (incoming) {
      recover_arrival(std::move(*record), std::move(*claim), std::move(vmm));
    } else {
      recover_own(*record, std::move(*claim), std::move(vmm));
    }
  }

  void recover_arrival(GuestRecord record, GuestTable::Claim claim,
                       std::optional<ChildProcess> vmm) {
    const std::string name = claim.name();
    const std::string migration = record.incoming;
    const auto row = arrivals_.find(migration);
    const bool prepared = row != arrivals_.end() &&
                          row->second.record == MigrationRecord::kPrepared;
    const bool runs = row != arrivals_.end() &&
                      row->second.record == MigrationRecord::kRunning;
    if (!vmm && (runs || (prepared && row->second.boot != boot_id()))) {
      const std::string why =
          runs ? "its VMM ended after it had moved here"
               : "this host lost its power while it was prepared to run it; "
                 "`causeway status` shows how to decide where it runs";
      spdlog::error("guest {}: {}", name, why);
      return claim.settle_dead(std::move(record), why);
    }
    auto guest = NewGuest::adopt(host_, std::move(record), std::move(claim),
                                 std::move(vmm));
    switch (conclude_arrival(host_, migration, std::move(guest), false,
                             kAgentRestarted)) {
      case ArrivalEnd::kDiscarded:
        spdlog::warn("guest {} had not arrived: its shell is removed", name);
        break;
      case ArrivalEnd::kRuns:
      case ArrivalEnd::kDied:
      case ArrivalEnd::kUndecided:
        break;
    }
  }

  void recover_own(const GuestRecord& record, GuestTable::Claim claim,
                   std::optional<ChildProcess> vmm) {
    const std::string name = claim.name();
    if (vmm) {
      spdlog::info("found guest {} again (pid {})", name, record.pid);
      claim.settle(record, std::move(*vmm));
    } else {
      const std::string why =
          "its VMM ended while no agent ran; guest stop removes what is left";
      spdlog::error("guest {} has died: {}", name, why);
      claim.settle_dead(record, why);
    }
    const auto row = departures_.find(name);
    if (row == departures_.end()) return keep_kept_image(name, claim);
    conclude_departure(host_, row->second.migration, std::move(claim),
                       kAgentRestarted);
  }

  // A frozen guest of no open migration is the image of a failed proof.
  void keep_kept_image(const std::string& name, GuestTable::Claim& claim) {
    const auto status = monitor_status(host_->store.paths(name).monitor_socket);
    if (!status || text_member(*status, "state") != "paused") return;
    claim.leave_as(GuestPhase::kFrozen,
                   "it moved, and its frozen image is kept because the proof "
                   "of content failed; guest stop removes it");
  }

  // Of a guest that is no longer here.
  void close_row(const JournalEntry& before) {
    if (!is_open(before) || host_->undecided.has(before.migration)) return;
    if (unreadable_.contains(before.guest)) return;
    const auto entry = host_->journal.find(before.migration);
    if (!entry || !*entry || !is_open(**entry)) return;
    const bool source = before.role == MigrationRole::kSource;
    // Prepared and gone with the host's power: undecided without a shell.
    if (!source && (*entry)->record == MigrationRecord::kPrepared &&
        before.boot != boot_id()) {
      return;
    }
    const bool moved = (*entry)->record == MigrationRecord::kCommitted;
    const Status closed =
        host_->journal.record(before.migration, (*entry)->record,
                              source && !moved ? MigrationRecord::kAborted
                                               : MigrationRecord::kDiscarded,
                              Durability::kWritten, kAgentRestarted);
    if (!closed) spdlog::error("{}", closed.error().message);
  }

  Host* host_;
  std::map<std::string, JournalEntry> arrivals_;    // by migration
  std::map<std::string, JournalEntry> departures_;  // open ones, by guest
  std::mutex unreadable_mutex_;
  std::set<std::string> unreadable_;  // guests
};

}  // namespace

Status recover_host(Host* host) { return Recovery(host).run(); }

}  // namespace causeway
