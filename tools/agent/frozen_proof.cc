#include "tools/agent/frozen_proof.h"

#include "tools/agent/limits.h"

namespace causeway {

Result<std::unique_ptr<FrozenProof>> FrozenProof::start(
    Host* host, const JournalEntry& entry) {
  CAUSEWAY_ASSERT(entry.proof_due.has_value());
  CAUSEWAY_ASSIGN(auto mover, MoverProcess::start(host->program_folder));
  // The next agent ends it, should this one die.
  CAUSEWAY_TRY(host->journal.set_mover(entry.migration, mover->pid(),
                                       mover->start_ticks()));
  CAUSEWAY_TRY(mover->give_spec(
      {{"role", "proof"},
       {"migration", entry.migration},
       {"guest", entry.guest},
       {"shim_socket", host->store.paths(entry.guest).shim_socket},
       {"image", encode_image_roots(*entry.proof_due)}}));
  return std::unique_ptr<FrozenProof>(new FrozenProof(std::move(mover)));
}

std::optional<Status> FrozenProof::result() {
  const auto event = mover_->next(std::chrono::milliseconds(0));
  if (!event) return event.error();
  switch (event->kind) {
    case MoverEvent::Kind::kTimeout:
      return std::nullopt;
    case MoverEvent::Kind::kDone:
      mover_->finish(kMoverCancelTimeout);
      return Status();
    default:
      mover_->finish(kMoverCancelTimeout);
      return failure_of(event->body).error;
  }
}

}  // namespace causeway
