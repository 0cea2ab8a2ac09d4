#include "engine/migration/source_session.h"

#include <algorithm>

#include "engine/base/units.h"

namespace causeway {

const char* guest_place_name(GuestPlace place) {
  switch (place) {
    case GuestPlace::kSource:
      return "source";
    case GuestPlace::kTarget:
      return "target";
    case GuestPlace::kFrozen:
      return "frozen";
    case GuestPlace::kUndecided:
      return "undecided";
  }
  return "unknown";
}

SourceSession::SourceSession(SourceOptions options, Guest& guest,
                             GuestImage& image, OutboundPath& path,
                             ControlChannel& control,
                             CommitmentJournal& journal,
                             std::span<const std::unique_ptr<Sender>> senders,
                             const Notifier& wake, CodecGovernor& codec)
    : options_(std::move(options)),
      guest_(guest),
      image_(image),
      path_(path),
      control_(control),
      journal_(journal),
      senders_(senders),
      wake_(wake),
      codec_(codec),
      asking_(options_.dedup, image),
      progress_at_(options_.began) {
  report_.guest = guest.spec().name;
  report_.mode = options_.mode;
  report_.path = path.name();
  report_.streams = static_cast<uint32_t>(senders.size());
  report_.proof = proof_level_name(options_.proof);
}

Instant SourceSession::step(Instant now) {
  wake_.drain();
  if (done()) return kNever;
  auto outcome = [&]() -> Result<Outcome> {
    CAUSEWAY_TRY(check_world(now));
    const Error* failure = sender_failure();
    if (failure != nullptr) return step_sender_failed(now, *failure);
    return advance(now);
  }();
  if (!outcome) {
    fail(std::move(outcome).error());
    return kNever;
  }
  if (*outcome == Outcome::kAgain) return now;
  WaitSet unused;
  return std::min({deadline_, time_limit_at(), dry_run_ends_at(),
                   control_.wait_on(unused)});
}

void SourceSession::wait_on(WaitSet& set) const {
  set.add(wake_.fd(), /*POLLIN*/ 1);
  control_.wait_on(set);
}

Result<SourceSession::Outcome> SourceSession::advance(Instant now) {
  switch (state_) {
    case State::kHello:
      return step_hello();
    case State::kAwaitReady:
      return step_await_ready(now);
    case State::kStartLog:
      return step_start_log(now);
    case State::kRound:
      return step_round(now);
    case State::kAwaitSynced:
      return step_await_synced(now);
    case State::kDecide:
      return step_decide(now);
    case State::kPause:
      return step_pause(now);
    case State::kLastCollect:
      return step_last_collect(now);
    case State::kLastRound:
      return step_last_round(now);
    case State::kSaveState:
      return step_save_state(now);
    case State::kSendFinal:
      return step_send_final(now);
    case State::kAwaitPrepared:
      return step_await_prepared(now);
    case State::kStrictProof:
      return step_strict_proof(now);
    case State::kCommit:
      return step_commit(now);
    case State::kRecordCommitted:
      return step_record_committed(now);
    case State::kSendCommit:
      return step_send_commit(now);
    case State::kAwaitRunning:
      return step_await_running(now);
    case State::kFrozenProof:
      return step_frozen_proof(now);
    case State::kDone:
    case State::kFailed:
      break;
  }
  return Outcome::kWait;
}

// What can go wrong in any state.
Status SourceSession::check_world(Instant now) {
  if (committed()) {
    // What the senders say no longer matters: all had landed.
    if (now < deadline_) return {};
    return make_error(ErrorCode::kTimeout,
                      "the target was told to run the guest and has not "
                      "answered for {:.0f} s",
                      seconds(kPeerTimeout));
  }
  if (cancelled_) {
    return make_error(ErrorCode::kCancelled, "the migration was cancelled");
  }
  if (now >= time_limit_at()) {
    return make_error(ErrorCode::kTimeout,
                      "the migration was not done within its time limit of {}",
                      format_duration(options_.time_limit));
  }
  if (auto died = guest_.died()) return *died;
  if (report_.first_block == Duration{0} && wire_bytes() > 0) {
    report_.first_block = now - options_.began;
  }
  if (now < deadline_ || sender_failed_at_ != kNever) return {};
  return make_error(ErrorCode::kTimeout,
                    "the target has not answered for {:.0f} s",
                    seconds(kPeerTimeout));
}

Instant SourceSession::dry_run_ends_at() const {
  const bool under_way = options_.dry_run && state_ == State::kRound;
  return under_way ? round_began_ + kDryRunTime : kNever;
}

Instant SourceSession::time_limit_at() const {
  if (options_.time_limit == Duration{0} || committed()) return kNever;
  return options_.began + options_.time_limit;
}

const Error* SourceSession::sender_failure() const {
  if (committed()) return nullptr;
  for (const auto& sender : senders_) {
    if (sender->failure() != nullptr) return sender->failure();
  }
  return nullptr;
}

Result<SourceSession::Outcome> SourceSession::step_sender_failed(
    Instant now, const Error& failure) {
  if (failure.code != ErrorCode::kConnectionLost) return failure;
  if (sender_failed_at_ == kNever) {
    sender_failed_at_ = now;
    deadline_ = now + kReasonGrace;
  }
  if (now >= sender_failed_at_ + kReasonGrace) return failure;
  // An Abort is an Error with the reason; a lost channel has none to give.
  const auto message = receive(now);
  if (message) return Outcome::kWait;
  if (message.error().code == ErrorCode::kConnectionLost) return failure;
  return message.error();
}

Result<std::optional<Message>> SourceSession::receive(Instant now) {
  CAUSEWAY_ASSIGN(const auto bytes, control_.receive(now));
  if (!bytes) return std::optional<Message>();
  CAUSEWAY_ASSIGN(Message message, decode_message(*bytes));
  if (const auto* abort = std::get_if<AbortMessage>(&message)) {
    return make_error(abort->code, "the target refused: {}", abort->why);
  }
  return std::optional<Message>(std::move(message));
}

Error SourceSession::out_of_turn(const Message& message) {
  return make_error(ErrorCode::kPeerBroken,
                    "the target sent message {} out of turn", message.index());
}

void SourceSession::lap(const char* line, Instant now) {
  report_.ledger.add(line, now - lap_);
  lap_ = now;
}

// Before commit the guest goes on here, whatever happened; the error that is
// reported is the first one.
void SourceSession::fail(Error error) {
  GuestPlace place = GuestPlace::kSource;
  if (state_ == State::kFrozenProof) {
    place = GuestPlace::kTarget;
  } else if (committed()) {
    place = GuestPlace::kFrozen;
  } else {
    if (paused_) {
      if (auto resumed = guest_.resume(); !resumed) {
        error.message += "; and the guest could not be resumed here: " +
                         resumed.error().message;
        place = GuestPlace::kFrozen;
      }
    }
    leave_before_commit(error);
  }
  failure_ = MigrationFailure{std::move(error), place};
  finish();
  state_ = State::kFailed;
}

// Best effort, both: the peer or the VMM may be the one that is gone.
void SourceSession::leave_before_commit(const Error& why) {
  if (log_started_) {
    [[maybe_unused]] const auto stopped = guest_.dirty_log().stop();
  }
  [[maybe_unused]] const auto sent =
      control_.send(encode_message(AbortMessage{why.code, why.message}));
}

void SourceSession::finish() {
  report_.wire_bytes = wire_bytes();
  report_.blackout = report_.ledger.total();
  for (size_t i = 0; i < kBlockMethods; ++i) {
    report_.blocks[i] = sent_blocks(static_cast<BlockMethod>(i));
  }
  report_.blocks[static_cast<size_t>(BlockMethod::kReference)] =
      asking_.known_blocks_total(BlockMethod::kReference);
  report_.blocks[static_cast<size_t>(BlockMethod::kPieced)] =
      asking_.known_blocks_total(BlockMethod::kPieced);
  report_.codec = codec_.chosen();
  report_.dedup = asking_.why();
}

CodecTotals SourceSession::codec_totals() const {
  CodecTotals totals;
  totals.workers = static_cast<uint32_t>(senders_.size());
  for (const auto& sender : senders_) {
    const SenderCounters& counted = sender->counters();
    totals.busy += Duration(counted.busy_ns.load());
    totals.blocked += Duration(counted.blocked_ns.load());
    totals.out_bytes += counted.out_bytes;
    totals.sampled_blocks += counted.sampled_blocks;
    totals.sampled_random += counted.sampled_random;
  }
  totals.in_bytes =
      (sent_blocks() - sent_blocks(BlockMethod::kZero)) * kBlockBytes;
  return totals;
}

uint64_t SourceSession::sent_blocks() const {
  uint64_t blocks = 0;
  for (size_t i = 0; i < kBlockMethods; ++i) {
    blocks += sent_blocks(static_cast<BlockMethod>(i));
  }
  return blocks;
}

uint64_t SourceSession::sent_blocks(BlockMethod method) const {
  uint64_t blocks = 0;
  for (const auto& sender : senders_) blocks += sender->counters().of(method);
  return blocks;
}

uint64_t SourceSession::asked_blocks() const {
  return sent_blocks(BlockMethod::kReference) +
         sent_blocks(BlockMethod::kPieced);
}

uint64_t SourceSession::wire_bytes() const {
  uint64_t bytes = 0;
  for (const auto& sender : senders_) bytes += sender->counters().wire_bytes;
  return bytes;
}

uint64_t SourceSession::owed_blocks() const {
  uint64_t blocks = 0;
  for (const BitmapView owed : owed_) blocks += owed.count();
  return blocks;
}

}  // namespace causeway
