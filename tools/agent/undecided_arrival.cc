#include "tools/agent/undecided_arrival.h"

#include <spdlog/spdlog.h>

#include "engine/control/agent_client.h"
#include "hypervisor-shim/client/shim_guest.h"
#include "tools/agent/guest_json.h"
#include "tools/agent/guest_monitor.h"

namespace causeway {
namespace {

// The record says that it runs; now it does. Idempotent.
Status run_here(NewGuest* guest) {
  CAUSEWAY_ASSIGN(const auto status,
                  monitor_status(guest->paths().monitor_socket));
  if (text_member(status, "state") == "incoming") {
    CAUSEWAY_ASSIGN(const auto shell,
                    ShimGuest::connect(guest->paths().shim_socket));
    CAUSEWAY_ASSIGN([[maybe_unused]] const Instant went_on, shell->resume());
  }
  return guest->settle();
}

// Recorded: nobody else may run it without an operator's word.
ArrivalEnd run_or_keep(const JournalEntry& entry, NewGuest* guest) {
  const Status running = run_here(guest);
  if (running) {
    spdlog::info("migration {}: guest {} has arrived and runs here",
                 entry.migration, entry.guest);
    return ArrivalEnd::kRuns;
  }
  spdlog::error("migration {}: guest {} should run here and does not: {}",
                entry.migration, entry.guest, running.error().message);
  guest->settle_dead("it had moved here and could not be started: " +
                     running.error().message);
  return ArrivalEnd::kDied;
}

class UndecidedArrival final : public UndecidedMove {
 public:
  UndecidedArrival(Host* host, JournalEntry entry,
                   std::unique_ptr<NewGuest> guest)
      : host_(host), entry_(std::move(entry)), guest_(std::move(guest)) {}
  // Left for the next agent.
  ~UndecidedArrival() override {
    if (guest_ != nullptr) guest_->leave();
  }

  const std::string& migration() const override { return entry_.migration; }
  const std::string& peer() const override { return entry_.peer; }

  Result<bool> ask() override {
    CAUSEWAY_ASSIGN(const auto source, AgentClient::create(entry_.peer));
    CAUSEWAY_ASSIGN(const auto reply, source->decision(entry_.migration));
    switch (reply.decision()) {
      case control::DecisionReply::COMMIT:
        CAUSEWAY_TRY(carry_out(Verdict::kRunAtTarget));
        return true;
      case control::DecisionReply::ABORT:
        CAUSEWAY_TRY(carry_out(Verdict::kStayAtSource));
        return true;
      default:
        break;
    }
    if (reply.why().empty()) return false;
    return make_error(ErrorCode::kTimeout, "{}", reply.why());
  }

  Status carry_out(Verdict verdict) override {
    const bool runs = verdict == Verdict::kRunAtTarget;
    CAUSEWAY_TRY(host_->journal.record(
        entry_.migration, MigrationRecord::kPrepared,
        runs ? MigrationRecord::kRunning : MigrationRecord::kDiscarded,
        Durability::kSynced,
        runs ? "" : "decided when the movers were gone: it stays there"));
    if (!runs) {
      spdlog::info("migration {}: guest {} stays at the source", migration(),
                   entry_.guest);
      guest_.reset();
      return {};
    }
    (void)run_or_keep(entry_, guest_.get());
    guest_.reset();
    return {};
  }

 private:
  Host* host_;
  JournalEntry entry_;
  std::unique_ptr<NewGuest> guest_;
};

void record_discarded(Host* host, const JournalEntry& entry,
                      const std::string& why) {
  const Status done = host->journal.record(entry.migration, entry.record,
                                           MigrationRecord::kDiscarded,
                                           Durability::kWritten, why);
  if (!done) spdlog::error("{}", done.error().message);
}

}  // namespace

ArrivalEnd conclude_arrival(Host* host, const std::string& migration,
                            std::unique_ptr<NewGuest> guest, bool called_off,
                            const std::string& why) {
  const auto found = host->journal.find(migration);
  if (!found || !*found) {
    // Without a row it was never prepared; a journal that cannot be read may
    // hold anything, so that the shell is left to a later agent.
    if (found) return ArrivalEnd::kDiscarded;
    spdlog::error("{}", found.error().message);
    guest->leave();
    return ArrivalEnd::kUndecided;
  }
  JournalEntry entry = **found;
  switch (entry.record) {
    case MigrationRecord::kRunning:
      return run_or_keep(entry, guest.get());
    case MigrationRecord::kPrepared:
      if (called_off || !guest->alive()) {
        record_discarded(host, entry, why);
        return ArrivalEnd::kDiscarded;
      }
      spdlog::warn(
          "migration {}: guest {} is prepared and its source gone; "
          "asking {} whether it may run",
          migration, entry.guest, entry.peer);
      host->undecided.add(std::make_unique<UndecidedArrival>(
          host, std::move(entry), std::move(guest)));
      return ArrivalEnd::kUndecided;
    default:
      if (entry.record == MigrationRecord::kNothing) {
        record_discarded(host, entry, why);
      }
      return ArrivalEnd::kDiscarded;
  }
}

}  // namespace causeway
