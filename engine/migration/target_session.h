// TargetSession: the target's half of one migration: checks that the shell
// fits, lets its receivers place what arrives, proves it, loads the state and
// runs the guest when told. A state machine whose time is an argument.
//
//   hello -> receiving (rounds) -> final -> last blocks -> (strict proof)
//         -> load state -> sync disks -> prepared -> commit -> resume -> done
//
// Before Commit arrives nothing runs here, whatever happens; the shell is then
// the agent's to remove. Once PREPARED is recorded only the source's word ends
// it: a session that fails then is in_doubt(), and the agent asks on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/stepper.h"
#include "engine/guest/guest.h"
#include "engine/migration/commitment_journal.h"
#include "engine/migration/image.h"
#include "engine/migration/image_proof.h"
#include "engine/migration/messages.h"
#include "engine/migration/receiver.h"
#include "engine/migration/reference_desk.h"
#include "engine/path/path.h"

namespace causeway {

// CPU time and memory of this process: asked for once, at the end.
struct EngineUse {
  uint64_t cpu_us = 0;
  uint64_t rss_bytes = 0;  // its own memory; the guest's shared RAM is not
};

class TargetSession final : public Stepper {
 public:
  // All outlive the session; one thread drives it and calls everything here.
  // `desk`: the placements'.
  TargetSession(Guest& shell, GuestImage& image, ControlChannel& control,
                CommitmentJournal& journal,
                std::span<const std::unique_ptr<Receiver>> receivers,
                ReferenceDesk& desk, const Notifier& wake,
                std::function<EngineUse()> engine_use);

  Instant step(Instant now) override;
  void wait_on(WaitSet& set) const override;
  bool done() const override {
    return state_ == State::kDone || state_ == State::kFailed;
  }

  // Takes effect at the next step, until PREPARED is recorded: from then on the
  // source decides.
  void cancel() { cancelled_ = true; }

  // Once done(): why the guest does not run here, or nothing.
  const std::optional<Error>& failure() const { return failure_; }
  // Once failed: the source may have committed.
  bool in_doubt() const { return in_doubt_; }
  const char* stage() const;

 private:
  enum class State {
    kAwaitHello,   // stage 1
    kReceiving,    // stage 2
    kLastBlocks,   // stage 3
    kStrictProof,  // stage 4
    kLoadState,
    kSyncDisks,
    kRecordPrepared,
    kPrepared,
    kAwaitCommit,
    kRecordRunning,  // stage 5
    kResume,
    kRunning,
    kDone,
    kFailed,
  };
  enum class Outcome { kAgain, kWait };

  Result<Outcome> advance(Instant now);
  Result<Outcome> step_await_hello(Instant now);
  Result<Outcome> step_receiving(Instant now);
  Result<Outcome> step_last_blocks(Instant now);
  Result<Outcome> step_strict_proof(Instant now);
  Result<Outcome> step_load_state(Instant now);
  Result<Outcome> step_sync_disks(Instant now);
  Result<Outcome> step_record_prepared(Instant now);
  Result<Outcome> step_prepared(Instant now);
  Result<Outcome> step_await_commit(Instant now);
  Result<Outcome> step_record_running(Instant now);
  Result<Outcome> step_resume(Instant now);
  Result<Outcome> step_running(Instant now);

  Status check_hello(const HelloMessage& hello);
  Status check_world();
  Status end_round(uint32_t round);
  Status sync_disks();
  Result<std::optional<Message>> receive(Instant now);
  Error out_of_turn(const Message& message) const;
  // Since the last lap.
  Duration lap(Instant now);
  void fail(Error error);

  Guest& shell_;
  GuestImage& image_;
  ControlChannel& control_;
  CommitmentJournal& journal_;
  std::span<const std::unique_ptr<Receiver>> receivers_;
  ReferenceDesk& desk_;
  const Notifier& wake_;
  const std::function<EngineUse()> engine_use_;

  State state_ = State::kAwaitHello;
  bool cancelled_ = false;
  ProofLevel proof_level_ = ProofLevel::kFrozen;
  FinalMessage final_;
  PreparedMessage prepared_;
  RunningMessage running_;
  std::optional<ImageProof> proof_;
  std::vector<uint64_t> synced_roots_;  // disks that changed since need a sync
  Instant lap_;
  bool aborted_ = false;  // by the source's word
  bool in_doubt_ = false;
  std::optional<Error> failure_;
};

}  // namespace causeway
