// Stage 5: the guest runs at the target; the source proves that its frozen
// image is what the target was given before anything is discarded.
#include <algorithm>

#include "engine/base/stop_point.h"
#include "engine/migration/expect.h"
#include "engine/migration/source_session.h"

namespace causeway {

Result<SourceSession::Outcome> SourceSession::step_send_commit(Instant now) {
  lap("journal", now);
  stop_point("source.committed");
  state_ = State::kAwaitRunning;
  CAUSEWAY_TRY(control_.send(encode_message(CommitMessage{})));
  return Outcome::kAgain;
}

Result<SourceSession::Outcome> SourceSession::step_await_running(Instant now) {
  CAUSEWAY_ASSIGN(const auto running, expect<RunningMessage>(now));
  if (!running) return Outcome::kWait;
  deadline_ = kNever;
  set_urgent(false);
  stop_point("source.activated");
  const Duration waited = now - lap_;
  // lap_ is Commit's departure.
  commit_times_.between = running->waited - (lap_ - prepared_at_);
  commit_times_.second = std::max(waited - running->answered, Duration{0});
  report_.ledger.add("journal", running->journal);
  report_.ledger.add("resume", running->resume);
  // Of Commit there and Running back only the way there is blackout.
  report_.ledger.add("round_trips", commit_travel(commit_times_));
  report_.total = now - options_.began;
  report_.target_cpu_us = running->engine_cpu_us;
  report_.target_rss_bytes = running->engine_rss_bytes;
  lap_ = now;
  if (options_.proof == ProofLevel::kFrozen) {
    proof_.emplace(image_);
    state_ = State::kFrozenProof;
    return Outcome::kAgain;
  }
  report_.verified = true;
  finish();
  state_ = State::kDone;
  return Outcome::kWait;
}

Result<SourceSession::Outcome> SourceSession::step_frozen_proof(Instant now) {
  report_.proof_time = now - lap_;
  CAUSEWAY_ASSIGN(const bool all, proof_->step());
  if (!all) return Outcome::kAgain;
  report_.verified = true;
  finish();
  state_ = State::kDone;
  return Outcome::kWait;
}

}  // namespace causeway
