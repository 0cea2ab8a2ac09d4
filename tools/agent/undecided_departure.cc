#include "tools/agent/undecided_departure.h"

#include <spdlog/spdlog.h>

#include "engine/control/agent_client.h"
#include "hypervisor-shim/client/shim_guest.h"
#include "tools/agent/frozen_proof.h"
#include "tools/agent/guest_json.h"
#include "tools/agent/guest_monitor.h"
#include "tools/agent/kept_image.h"
#include "tools/agent/limits.h"
#include "tools/agent/new_guest.h"

namespace causeway {
namespace {

std::string state_of(const Host& host, const std::string& guest) {
  const auto status = monitor_status(host.store.paths(guest).monitor_socket);
  return status ? text_member(*status, "state") : "";
}

bool vmm_lives(const Host& host, const std::string& guest) {
  const auto view = host.table.find(guest);
  return view &&
         ChildProcess::lives(view->record.pid, view->record.start_ticks);
}

// A guest whose mover died before commit goes on by itself, unless it had been
// frozen for a commit that never came.
void resume_here(const Host& host, const std::string& guest) {
  if (state_of(host, guest) != "paused") return;
  const Status resumed = [&]() -> Status {
    CAUSEWAY_ASSIGN(const auto shim,
                    ShimGuest::connect(host.store.paths(guest).shim_socket));
    CAUSEWAY_ASSIGN([[maybe_unused]] const Instant went_on, shim->resume());
    return {};
  }();
  if (resumed) return;
  spdlog::error("guest {} stands still here and cannot go on: {}", guest,
                resumed.error().message);
}

class UndecidedDeparture final : public UndecidedMove {
 public:
  UndecidedDeparture(Host* host, JournalEntry entry, GuestTable::Claim claim)
      : host_(host), entry_(std::move(entry)), claim_(std::move(claim)) {}

  const std::string& migration() const override { return entry_.migration; }
  const std::string& peer() const override { return entry_.peer; }

  Status carry_out(Verdict verdict) override {
    const std::string& guest = entry_.guest;
    if (verdict == Verdict::kStayAtSource) {
      if (proof_ != nullptr) {
        return make_error(ErrorCode::kInvalidArgument,
                          "guest {} runs at {}: the target has said so", guest,
                          peer());
      }
      CAUSEWAY_TRY(host_->journal.record(
          migration(), MigrationRecord::kCommitted, MigrationRecord::kAborted,
          Durability::kSynced, "the target never ran it: taken back"));
      resume_here(*host_, guest);
      if (vmm_lives(*host_, guest)) {
        claim_.leave_as(GuestPhase::kRunning, "");
      } else {
        claim_.leave_as(GuestPhase::kDied,
                        "its VMM ended while it stood still for a migration");
      }
      spdlog::info("migration {}: guest {} is taken back and runs here",
                   migration(), guest);
      return {};
    }
    if (!mismatch_.empty()) {
      keep_image(host_, migration(), std::move(claim_), mismatch_);
      return {};
    }
    auto vmm = claim_.drop();
    if (vmm) stop_vmm(&*vmm, host_->store.paths(guest).monitor_socket);
    host_->store.remove(guest);
    spdlog::info("migration {}: guest {} runs at {}, nothing of it is left",
                 migration(), guest, peer());
    return host_->journal.record(migration(), MigrationRecord::kCommitted,
                                 MigrationRecord::kDiscarded,
                                 Durability::kWritten);
  }

 private:
  Result<Answer> inquire() override {
    if (proof_ != nullptr) return follow_proof();
    switch (look_at_image(*host_, entry_.guest)) {
      case CommittedImage::kFrozen:
        break;
      case CommittedImage::kRunning:
        return Answer{Verdict::kStayAtSource, ""};
      case CommittedImage::kUnknown:
        return Answer{std::nullopt,
                      fmt::format("the VMM of guest {} at {} does not answer: "
                                  "whether it stands still is not known",
                                  entry_.guest, host_->name)};
    }
    CAUSEWAY_ASSIGN(
        const auto target,
        AgentClient::create(entry_.peer, host_->tls, entry_.peer_name));
    CAUSEWAY_ASSIGN(const auto reply, target->commit(entry_.migration));
    switch (reply.answer()) {
      case control::CommitReply::RUNS:
        return runs_there();
      case control::CommitReply::REFUSED:
        return Answer{Verdict::kStayAtSource, ""};
      default:
        return Answer{std::nullopt, reply.why()};
    }
  }

  // The image here goes, once it is proved if its mover owed that.
  Answer runs_there() {
    if (!entry_.proof_due) return {Verdict::kRunAtTarget, ""};
    auto proof = FrozenProof::start(host_, entry_);
    if (!proof) {
      warn_unproved(proof.error());
      return {Verdict::kRunAtTarget, ""};
    }
    proof_ = std::move(*proof);
    return follow_proof();
  }

  Answer follow_proof() {
    const auto proved = proof_->result();
    if (!proved) {
      return {std::nullopt,
              fmt::format("guest {} runs at {}; its frozen image is being "
                          "proved",
                          entry_.guest, peer())};
    }
    if (*proved) {
      spdlog::info("migration {}: the frozen image of guest {} is proved",
                   migration(), entry_.guest);
    } else if (proved->error().code == ErrorCode::kContentMismatch) {
      mismatch_ = proved->error().message;
      spdlog::error("migration {}: {}", migration(), mismatch_);
    } else {
      warn_unproved(proved->error());
    }
    return {Verdict::kRunAtTarget, ""};
  }

  void warn_unproved(const Error& error) const {
    spdlog::warn("migration {}: guest {} goes without a proof of its image: {}",
                 migration(), entry_.guest, error.message);
  }

  Host* host_;
  JournalEntry entry_;
  GuestTable::Claim claim_;
  std::unique_ptr<FrozenProof> proof_;  // the target has said that it runs
  std::string mismatch_;                // what the proof has found
};

}  // namespace

CommittedImage look_at_image(const Host& host, const std::string& guest) {
  const std::string state = state_of(host, guest);
  if (state == "running") return CommittedImage::kRunning;
  if (state.empty() && vmm_lives(host, guest)) return CommittedImage::kUnknown;
  return CommittedImage::kFrozen;
}

DepartureEnd conclude_departure(Host* host, const std::string& migration,
                                GuestTable::Claim claim,
                                const std::string& why) {
  const std::string guest = claim.name();
  const auto found = host->journal.find(migration);
  const bool runs = state_of(*host, guest) == "running";
  if (!found && !runs) {
    // It may hold a commit.
    spdlog::error("{}", found.error().message);
    claim.leave_as(GuestPhase::kFrozen, found.error().message);
    return DepartureEnd::kUndecided;
  }
  const bool known = found && *found;
  if (known && (*found)->record == MigrationRecord::kCommitted && !runs) {
    spdlog::warn(
        "migration {}: guest {} is committed and {} has not answered; "
        "telling it to run the guest",
        migration, guest, (*found)->peer);
    claim.show_as(GuestPhase::kFrozen,
                  "committed; only " + (*found)->peer + " may run it now");
    host->undecided.add(
        std::make_unique<UndecidedDeparture>(host, **found, std::move(claim)));
    return DepartureEnd::kUndecided;
  }
  if (known) {
    const Status aborted = host->journal.record(migration, (*found)->record,
                                                MigrationRecord::kAborted,
                                                Durability::kWritten, why);
    if (!aborted) spdlog::error("{}", aborted.error().message);
  }
  if (!runs) resume_here(*host, guest);
  return DepartureEnd::kStays;
}

// The agents find out by themselves, often at once.
Error undecided_error(const Host& host, const JournalEntry& row,
                      const std::string& why) {
  if (host.undecided.await(row.migration, kUndecidedWait)) {
    auto found = host.journal.find(row.migration);
    const JournalEntry entry =
        found && *found ? std::move(**found) : JournalEntry();
    // Only what the proof has found is a reason beside that record.
    if (entry.record == MigrationRecord::kDiscarded && !entry.why.empty()) {
      return kept_image_error(host, row.guest, entry.why);
    }
    const bool back = entry.record == MigrationRecord::kAborted;
    return make_error(
        ErrorCode::kConnectionLost,
        "the movers lost each other after commitment ({}); "
        "guest {} {}",
        why, row.guest,
        back ? "never ran at the target and runs on at " + host.name
             : "runs at " + row.peer + ", nothing of it is left here");
  }
  return make_error(ErrorCode::kConnectionLost,
                    "{}; guest {} is frozen at {}: the target may run it ({}). "
                    "It goes on being asked; `causeway status --agent` shows "
                    "it, and the command that decides it",
                    why, row.guest, host.name,
                    host.undecided.reasons()[row.migration]);
}

}  // namespace causeway
