// SourceSession: the source's half of one migration, a state machine whose
// time is an argument. It owns the order of things (stages 1 to 5) and the
// report; senders move the bytes, Round hands them out, the shim stops the
// guest. One file a stage: source_reservation.cc, source_pre_copy.cc,
// source_stop_and_copy.cc, source_commitment.cc, source_activation.cc.
//
//   hello -> ready -> [start log -> round -> synced -> decide ...] -> pause
//         -> collect
//         -> last round -> state -> prepared -> (strict proof) -> freeze
//         -> record COMMITTED -> commit
//         -> running -> (frozen proof) -> done
//
// Each state makes at most one blocking call (a shim call), so that the time
// between two steps is that call's, and the ledger's lines add up by
// construction. What the peer answers with its own times is sent in a state of
// its own, so that the time until the answer holds all of theirs. Any trouble
// before commit: the guest resumes here and the target is told. After commit
// only the target may run it: a session that fails then leaves a frozen image
// and a record, from which the agent goes on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/stepper.h"
#include "engine/guest/guest.h"
#include "engine/migration/asking.h"
#include "engine/migration/codec_governor.h"
#include "engine/migration/commit_travel.h"
#include "engine/migration/commitment_journal.h"
#include "engine/migration/image.h"
#include "engine/migration/image_proof.h"
#include "engine/migration/report.h"
#include "engine/migration/round.h"
#include "engine/migration/sender.h"
#include "engine/path/path.h"
#include "engine/policy/convergence.h"

namespace causeway {

struct SourceOptions {
  std::string migration;  // its id
  MigrationMode mode = MigrationMode::kPreCopy;
  ProofLevel proof = ProofLevel::kFrozen;
  ConvergenceGoal goal;
  Instant began;           // when the command came
  Duration time_limit{0};  // from then to the commit; 0: none
  bool dry_run = false;    // a second of round 1, then an estimate, no move
  DedupMode dedup = DedupMode::kAuto;
};

// Where the guest is after a failure.
// kUndecided: a target that is prepared and has lost its source.
enum class GuestPlace { kSource, kTarget, kFrozen, kUndecided };
const char* guest_place_name(GuestPlace place);

struct MigrationFailure {
  Error error;
  GuestPlace guest_at = GuestPlace::kSource;
};

struct MigrationProgress {
  const char* stage = "reservation";
  uint32_t round = 0;
  uint64_t sent_bytes = 0;
  uint64_t wire_bytes = 0;
  uint64_t remaining_bytes = 0;  // of this round
  uint64_t total_bytes = 0;      // of the guest
  double dirty_bytes_s = 0;      // in the last round
  double rate_bytes_s = 0;
  double eta_s = 0;  // 0: not known
  bool held = false;
  PathStats path;
};

class SourceSession final : public Stepper {
 public:
  // All outlive the session; one thread drives it and calls everything here.
  // `wake` and `codec` are what the senders were given.
  SourceSession(SourceOptions options, Guest& guest, GuestImage& image,
                OutboundPath& path, ControlChannel& control,
                CommitmentJournal& journal,
                std::span<const std::unique_ptr<Sender>> senders,
                const Notifier& wake, CodecGovernor& codec);

  Instant step(Instant now) override;
  void wait_on(WaitSet& set) const override;
  bool done() const override {
    return state_ == State::kDone || state_ == State::kFailed;
  }

  // Takes effect at the next step, up to the moment of commit.
  void cancel() { cancelled_ = true; }

  // Nothing is sent while held, and the guest is not stopped. Of no effect
  // once it stands still: that would be blackout.
  void hold(bool held) { hold_wanted_ = held; }

  // Once done(): why it failed, or nothing.
  const std::optional<MigrationFailure>& failure() const { return failure_; }
  const MigrationReport& report() const { return report_; }
  MigrationProgress progress(Instant now);
  const char* stage() const;
  // Inside the blackout: whoever drives the session has nothing better to do.
  bool guest_stands_still() const;

 private:
  enum class State {
    kHello,  // stage 1
    kAwaitReady,
    kStartLog,  // stage 2
    kRound,
    kAwaitSynced,
    kDecide,
    kPause,  // stage 3
    kLastCollect,
    kLastRound,
    kSaveState,
    kSendFinal,
    kAwaitPrepared,  // stage 4
    kStrictProof,
    kCommit,
    kRecordCommitted,
    kSendCommit,  // stage 5
    kAwaitRunning,
    kFrozenProof,
    kDone,
    kFailed,
  };

  // What a state says: go on at once with a fresh `now`, or wait.
  enum class Outcome { kAgain, kWait };

  Result<Outcome> advance(Instant now);

  Result<Outcome> step_hello();
  Result<Outcome> step_await_ready(Instant now);

  Result<Outcome> step_start_log(Instant now);
  Result<Outcome> step_round(Instant now);
  Result<Outcome> step_await_synced(Instant now);
  Result<Outcome> step_decide(Instant now);
  bool held(Instant now);
  Result<Outcome> end_dry_run(Instant now);
  void begin_pre_copy_round(Instant now);
  void begin_round(Instant now, DirtyLog* rearm, bool skip_holes);
  void end_round(Instant now);
  void take_answer(const SyncedMessage& synced);
  DedupObservation dedup_seen() const;
  ConvergenceDecision decide(uint64_t dirty_blocks);

  Result<Outcome> step_pause(Instant now);
  Result<Outcome> step_last_collect(Instant now);
  Result<Outcome> step_last_round(Instant now);
  Result<Outcome> step_save_state(Instant now);
  Result<Outcome> step_send_final(Instant now);

  Result<Outcome> step_await_prepared(Instant now);
  Status check_roots(const PreparedMessage& prepared) const;
  Result<Outcome> step_strict_proof(Instant now);
  Result<Outcome> step_commit(Instant now);
  Result<Outcome> step_record_committed(Instant now);

  Result<Outcome> step_send_commit(Instant now);
  Result<Outcome> step_await_running(Instant now);
  Result<Outcome> step_frozen_proof(Instant now);

  // The next message, which must be a T; nothing yet: nullopt.
  template <typename T>
  Result<std::optional<T>> expect(Instant now);
  Result<std::optional<Message>> receive(Instant now);
  static Error out_of_turn(const Message& message);
  Status check_world(Instant now);
  const Error* sender_failure() const;
  Result<Outcome> step_sender_failed(Instant now, const Error& failure);
  void await_from(Instant now) { deadline_ = now + kPeerTimeout; }
  void lap(const char* line, Instant now);
  void set_urgent(bool urgent);
  Instant time_limit_at() const;
  Instant dry_run_ends_at() const;
  void fail(Error error);
  void leave_before_commit(const Error& why);
  void finish();
  bool committed() const { return state_ >= State::kSendCommit; }
  CodecTotals codec_totals() const;
  uint64_t sent_blocks() const;
  uint64_t sent_blocks(BlockMethod method) const;
  uint64_t asked_blocks() const;
  uint64_t wire_bytes() const;
  uint64_t owed_blocks() const;

  // A peer that says nothing for so long is lost: far above any fdatasync or
  // state load, short enough that a paused guest comes back by itself.
  static constexpr Duration kPeerTimeout = std::chrono::seconds(30);

  // A stream that breaks is often the target's refusal, whose reason comes
  // over the control channel: worth waiting for, shortly.
  static constexpr Duration kReasonGrace = std::chrono::milliseconds(200);

  // Long enough for TCP to find the rate of a long link.
  static constexpr Duration kDryRunTime = std::chrono::seconds(1);

  const SourceOptions options_;
  Guest& guest_;
  GuestImage& image_;
  OutboundPath& path_;
  ControlChannel& control_;
  CommitmentJournal& journal_;
  std::span<const std::unique_ptr<Sender>> senders_;
  const Notifier& wake_;
  CodecGovernor& codec_;

  State state_ = State::kHello;
  bool cancelled_ = false;
  bool hold_wanted_ = false;
  std::optional<Instant> held_since_;
  bool paused_ = false;
  bool log_started_ = false;
  Instant sender_failed_at_ = kNever;
  Instant deadline_ = kNever;  // of what is awaited from the peer

  std::vector<BitmapView> owed_;
  std::vector<Bitmap> whole_;  // stop-and-copy: all is owed, no log needed
  Version version_ = 1;
  FenceId fence_ = 0;
  std::vector<std::byte> guest_state_;  // until it is sent
  Asking asking_;
  bool holes_skipped_ = false;
  std::optional<Round> round_;
  Instant round_began_;
  Instant decide_began_;
  uint64_t round_blocks_began_ = 0;
  uint64_t round_wire_began_ = 0;
  uint64_t round_asked_began_ = 0;
  Duration round_busy_began_{0};
  uint64_t rounds_blocks_ = 0;  // of rounds that send, not ask
  Duration rounds_time_{0};
  uint64_t dirty_blocks_least_ = UINT64_MAX;
  uint32_t rounds_without_gain_ = 0;
  Duration collect_time_{0};

  Instant lap_;  // the ledger is attributed up to here
  Instant prepared_at_;
  CommitTimes commit_times_;
  std::optional<ImageProof> proof_;

  Instant progress_at_;
  uint64_t progress_bytes_ = 0;
  double progress_rate_ = 0;

  std::optional<MigrationFailure> failure_;
  MigrationReport report_;
};

}  // namespace causeway
