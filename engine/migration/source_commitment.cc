// Stage 4: the target has proved what it holds; the point of no return.
#include <algorithm>

#include "engine/migration/expect.h"
#include "engine/migration/source_session.h"

namespace causeway {

Result<SourceSession::Outcome> SourceSession::step_await_prepared(Instant now) {
  // Large last rounds go on while this waits: the target is busy, not lost.
  if (!round_->landed()) await_from(now);
  CAUSEWAY_ASSIGN(const auto prepared, expect<PreparedMessage>(now));
  if (!prepared) return Outcome::kWait;
  deadline_ = kNever;
  const Duration waited = now - lap_;
  const Duration spent = prepared->last_blocks + prepared->proof +
                         prepared->state_load + prepared->disk_sync +
                         prepared->journal;
  report_.ledger.add("last_blocks", prepared->last_blocks);
  report_.ledger.add("proof", prepared->proof);
  report_.ledger.add("state_load", prepared->state_load);
  report_.ledger.add("disk_sync", prepared->disk_sync);
  report_.ledger.add("journal", prepared->journal);
  commit_times_.first = std::max(waited - spent, Duration{0});
  report_.ledger.add("round_trips", commit_times_.first);
  lap_ = prepared_at_ = now;
  end_round(now);
  report_.rounds.back().decision = "the guest stands still";
  CAUSEWAY_TRY(check_roots(*prepared));
  if (options_.proof == ProofLevel::kStrict) {
    proof_.emplace(image_);
    state_ = State::kStrictProof;
  } else {
    state_ = State::kCommit;
  }
  return Outcome::kAgain;
}

Status SourceSession::check_roots(const PreparedMessage& prepared) const {
  const std::vector<uint64_t> ours = image_.roots();
  if (prepared.roots.size() != ours.size()) {
    return make_error(ErrorCode::kPeerBroken,
                      "the target proved {} regions, the guest has {}",
                      prepared.roots.size(), ours.size());
  }
  for (size_t i = 0; i < ours.size(); ++i) {
    if (prepared.roots[i] == ours[i]) continue;
    return make_error(ErrorCode::kContentMismatch,
                      "proof of content: {} at the target is not what was "
                      "sent (digest root {:016x}, sent {:016x}); the guest "
                      "stays here",
                      image_.info(static_cast<RegionId>(i)).name,
                      prepared.roots[i], ours[i]);
  }
  return {};
}

Result<SourceSession::Outcome> SourceSession::step_strict_proof(Instant now) {
  lap("proof", now);
  CAUSEWAY_ASSIGN(const bool all, proof_->step());
  if (all) state_ = State::kCommit;
  return Outcome::kAgain;
}

Result<SourceSession::Outcome> SourceSession::step_commit(Instant now) {
  lap("proof", now);
  CAUSEWAY_TRY(guest_.commit());
  state_ = State::kRecordCommitted;
  return Outcome::kAgain;
}

// The point of no return. A record that failed may be down all the same: the
// guest goes on here, and who finds it running beside the record knows that
// Commit was never sent.
Result<SourceSession::Outcome> SourceSession::step_record_committed(
    Instant now) {
  lap("commit", now);
  ProofDue due;
  if (options_.proof == ProofLevel::kFrozen) {
    due = ImageRoots{image_.digest_key(), image_.roots()};
  }
  CAUSEWAY_TRY(journal_.record(CommitmentRecord::kCommitted, due));
  // From here on a failure to send is no reason to run the guest here: the
  // bytes may have left.
  state_ = State::kSendCommit;
  await_from(now);
  return Outcome::kAgain;
}

}  // namespace causeway
