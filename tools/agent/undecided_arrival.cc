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

  Status carry_out(Verdict verdict) override {
    if (verdict == Verdict::kRunAtTarget) {
      CAUSEWAY_TRY(record(MigrationRecord::kRunning, ""));
      return start();
    }
    if (entry_.record == MigrationRecord::kRunning) {
      return make_error(ErrorCode::kInvalidArgument,
                        "guest {} is committed to host {}", entry_.guest,
                        host_->name);
    }
    CAUSEWAY_TRY(record(MigrationRecord::kDiscarded,
                        "decided when the movers were gone: it stays there"));
    spdlog::info("migration {}: guest {} stays at the source", migration(),
                 entry_.guest);
    guest_.reset();
    return {};
  }

  // Recorded: nobody else may run it without an operator's word. An Error
  // while its VMM lives and does not answer; one that is gone is shown so.
  Status start() {
    Status running = run_here(guest_.get());
    if (!running && guest_->alive()) return running;
    if (running) {
      spdlog::info("migration {}: guest {} has arrived and runs here",
                   migration(), entry_.guest);
    } else {
      spdlog::error("migration {}: guest {} should run here and does not: {}",
                    migration(), entry_.guest, running.error().message);
      guest_->settle_dead("it had moved here and could not be started: " +
                          running.error().message);
      died_ = true;
    }
    guest_.reset();
    return {};
  }

  bool died() const { return died_; }

 private:
  Result<Answer> inquire() override {
    if (entry_.record == MigrationRecord::kRunning) {
      return Answer{Verdict::kRunAtTarget, ""};
    }
    CAUSEWAY_ASSIGN(
        const auto source,
        AgentClient::create(entry_.peer, host_->tls, entry_.peer_name));
    CAUSEWAY_ASSIGN(const auto reply, source->decision(entry_.migration));
    switch (reply.decision()) {
      case control::DecisionReply::COMMIT:
        return Answer{Verdict::kRunAtTarget, ""};
      case control::DecisionReply::ABORT:
        return Answer{Verdict::kStayAtSource, ""};
      default:
        return Answer{std::nullopt, reply.why()};
    }
  }

  Status record(MigrationRecord to, const std::string& why) {
    if (entry_.record == to) return {};
    CAUSEWAY_TRY(host_->journal.record(migration(), entry_.record, to,
                                       Durability::kSynced, why));
    entry_.record = to;
    return {};
  }

  Host* host_;
  JournalEntry entry_;
  std::unique_ptr<NewGuest> guest_;
  bool died_ = false;
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
    case MigrationRecord::kRunning: {
      auto move = std::make_unique<UndecidedArrival>(host, std::move(entry),
                                                     std::move(guest));
      if (move->start()) {
        return move->died() ? ArrivalEnd::kDied : ArrivalEnd::kRuns;
      }
      host->undecided.add(std::move(move));
      return ArrivalEnd::kUndecided;
    }
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
