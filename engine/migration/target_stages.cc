// The target's stages, in order.
#include "engine/base/stop_point.h"
#include "engine/migration/target_session.h"

namespace causeway {

// Stage 1.
Result<TargetSession::Outcome> TargetSession::step_await_hello(Instant now) {
  CAUSEWAY_ASSIGN(const auto message, receive(now));
  if (!message) return Outcome::kWait;
  const auto* hello = std::get_if<HelloMessage>(&*message);
  if (hello == nullptr) return out_of_turn(*message);
  CAUSEWAY_TRY(check_hello(*hello));
  image_.set_digest_key(hello->digest_key);
  proof_level_ = hello->proof;
  ReadyMessage ready;
  ready.put_kinds = hello->put_kinds & kPutKindsKnown;
  ready.content = desk_.offer();
  CAUSEWAY_TRY(control_.send(encode_message(ready)));
  state_ = State::kReceiving;
  return Outcome::kAgain;
}

Status TargetSession::check_hello(const HelloMessage& hello) {
  const auto& ours = shell_.spec().regions;
  if (hello.streams != receivers_.size()) {
    return make_error(ErrorCode::kPeerBroken,
                      "the source speaks of {} streams, {} are open",
                      hello.streams, receivers_.size());
  }
  if (hello.regions.size() != ours.size()) {
    return make_error(ErrorCode::kIncompatible,
                      "guest {} has {} regions, the shell has {}", hello.guest,
                      hello.regions.size(), ours.size());
  }
  for (size_t i = 0; i < ours.size(); ++i) {
    const RegionInfo& theirs = hello.regions[i];
    if (theirs.kind == ours[i].kind && theirs.name == ours[i].name &&
        theirs.bytes == ours[i].bytes) {
      continue;
    }
    return make_error(ErrorCode::kIncompatible,
                      "region {} of guest {} ({}, {} bytes) does not fit the "
                      "shell's ({}, {} bytes)",
                      i, hello.guest, theirs.name, theirs.bytes, ours[i].name,
                      ours[i].bytes);
  }
  return {};
}

// Stage 2. The receivers place blocks meanwhile; disks are synced each round,
// so that the sync inside the blackout is a small one.
Result<TargetSession::Outcome> TargetSession::step_receiving(Instant now) {
  CAUSEWAY_ASSIGN(auto message, receive(now));
  if (!message) return Outcome::kWait;
  if (const auto* round = std::get_if<RoundEndMessage>(&*message)) {
    CAUSEWAY_TRY(end_round(round->round));
    return Outcome::kAgain;
  }
  auto* last = std::get_if<FinalMessage>(&*message);
  if (last == nullptr) return out_of_turn(*message);
  final_ = std::move(*last);
  lap_ = now;
  state_ = State::kLastBlocks;
  return Outcome::kAgain;
}

Status TargetSession::end_round(uint32_t round) {
  CAUSEWAY_TRY(sync_disks());
  SyncedMessage synced;
  synced.round = round;
  for (MissingMessage& message : desk_.missing().take()) {
    CAUSEWAY_TRY(control_.send(encode_message(std::move(message))));
  }
  synced.trouble = desk_.trouble();
  return control_.send(encode_message(std::move(synced)));
}

// Only what changed since the last sync; the digest root tells.
Status TargetSession::sync_disks() {
  for (RegionId id = 0; id < image_.regions(); ++id) {
    if (image_.info(id).kind != RegionKind::kDisk) continue;
    const uint64_t root = image_.digests(id).root();
    if (root == synced_roots_[id]) continue;
    CAUSEWAY_TRY(image_.store(id).sync());
    synced_roots_[id] = root;
  }
  return {};
}

// Stage 3.
Result<TargetSession::Outcome> TargetSession::step_last_blocks(Instant now) {
  // A source that gives up or goes away in a long last round is heard here.
  CAUSEWAY_ASSIGN(const auto message, receive(now));
  if (message) return out_of_turn(*message);
  for (const auto& receiver : receivers_) {
    if (receiver->fence_landed() < final_.fence) return Outcome::kWait;
  }
  // Beside the load of the state, by the workers.
  for (const auto& receiver : receivers_) receiver->withdraw();
  prepared_.last_blocks = lap(now);
  if (proof_level_ == ProofLevel::kStrict) {
    proof_.emplace(image_);
    state_ = State::kStrictProof;
    return Outcome::kAgain;
  }
  state_ = State::kLoadState;
  return Outcome::kAgain;
}

// Stage 4. The roots are of what landed: before the state is loaded, which
// makes the VMM write into guest RAM (its clock).
Result<TargetSession::Outcome> TargetSession::step_strict_proof(Instant) {
  CAUSEWAY_ASSIGN(const bool all, proof_->step());
  if (all) state_ = State::kLoadState;
  return Outcome::kAgain;
}

Result<TargetSession::Outcome> TargetSession::step_load_state(Instant now) {
  prepared_.proof = lap(now);
  prepared_.roots = image_.roots();
  CAUSEWAY_TRY(shell_.load_state(final_.state));
  state_ = State::kSyncDisks;
  return Outcome::kAgain;
}

Result<TargetSession::Outcome> TargetSession::step_sync_disks(Instant now) {
  prepared_.state_load = lap(now);
  CAUSEWAY_TRY(sync_disks());
  state_ = State::kRecordPrepared;
  return Outcome::kAgain;
}

Result<TargetSession::Outcome> TargetSession::step_record_prepared(
    Instant now) {
  // From here on the guest may run: no device may still write its memory.
  for (const auto& receiver : receivers_) {
    if (receiver->withdrawn()) continue;
    if (receiver->failure() != nullptr) return *receiver->failure();
    return Outcome::kWait;
  }
  prepared_.disk_sync = lap(now);
  CAUSEWAY_TRY(journal_.record(CommitmentRecord::kPrepared, {}));
  state_ = State::kPrepared;
  return Outcome::kAgain;
}

Result<TargetSession::Outcome> TargetSession::step_prepared(Instant now) {
  prepared_.journal = lap(now);
  stop_point("target.prepared");
  CAUSEWAY_TRY(control_.send(encode_message(prepared_)));
  state_ = State::kAwaitCommit;
  return Outcome::kAgain;
}

Result<TargetSession::Outcome> TargetSession::step_await_commit(Instant now) {
  CAUSEWAY_ASSIGN(const auto message, receive(now));
  if (!message) return Outcome::kWait;
  if (!std::holds_alternative<CommitMessage>(*message)) {
    return out_of_turn(*message);
  }
  running_.waited = lap(now);
  state_ = State::kRecordRunning;
  return Outcome::kAgain;
}

// Stage 5. The record before the act: a guest of which the journal does not
// say that it runs may be discarded.
Result<TargetSession::Outcome> TargetSession::step_record_running(Instant) {
  // A shell that has gone never ran: the source takes its guest back.
  if (auto died = shell_.died()) return *died;
  CAUSEWAY_TRY(journal_.record(CommitmentRecord::kRunning, {}));
  state_ = State::kResume;
  return Outcome::kAgain;
}

Result<TargetSession::Outcome> TargetSession::step_resume(Instant now) {
  running_.journal = now - lap_;
  stop_point("target.running");
  const Instant recorded = now;
  CAUSEWAY_ASSIGN(const Instant went_on, shell_.resume());
  running_.resume = went_on - recorded;
  const EngineUse use = engine_use_();
  running_.engine_cpu_us = use.cpu_us;
  running_.engine_rss_bytes = use.rss_bytes;
  state_ = State::kRunning;
  return Outcome::kAgain;
}

Result<TargetSession::Outcome> TargetSession::step_running(Instant now) {
  running_.answered = lap(now);
  // The guest runs here now: a source that cannot be told any more changes
  // nothing about that.
  [[maybe_unused]] const auto sent = control_.send(encode_message(running_));
  state_ = State::kDone;
  return Outcome::kWait;
}

}  // namespace causeway
