#include "engine/migration/target_session.h"

#include <algorithm>

namespace causeway {

TargetSession::TargetSession(
    Guest& shell, GuestImage& image, ControlChannel& control,
    CommitmentJournal& journal,
    std::span<const std::unique_ptr<Receiver>> receivers, ReferenceDesk& desk,
    const Notifier& wake, std::function<EngineUse()> engine_use)
    : shell_(shell),
      image_(image),
      control_(control),
      journal_(journal),
      receivers_(receivers),
      desk_(desk),
      wake_(wake),
      engine_use_(std::move(engine_use)),
      synced_roots_(image.regions(), 0) {}

Instant TargetSession::step(Instant now) {
  wake_.drain();
  if (done()) return kNever;
  auto outcome = [&]() -> Result<Outcome> {
    CAUSEWAY_TRY(check_world());
    return advance(now);
  }();
  if (!outcome) {
    fail(std::move(outcome).error());
    return kNever;
  }
  if (*outcome == Outcome::kAgain) return now;
  WaitSet unused;
  return control_.wait_on(unused);
}

void TargetSession::wait_on(WaitSet& set) const {
  set.add(wake_.fd(), /*POLLIN*/ 1);
  control_.wait_on(set);
}

Result<TargetSession::Outcome> TargetSession::advance(Instant now) {
  switch (state_) {
    case State::kAwaitHello:
      return step_await_hello(now);
    case State::kReceiving:
      return step_receiving(now);
    case State::kLastBlocks:
      return step_last_blocks(now);
    case State::kStrictProof:
      return step_strict_proof(now);
    case State::kLoadState:
      return step_load_state(now);
    case State::kSyncDisks:
      return step_sync_disks(now);
    case State::kRecordPrepared:
      return step_record_prepared(now);
    case State::kPrepared:
      return step_prepared(now);
    case State::kAwaitCommit:
      return step_await_commit(now);
    case State::kRecordRunning:
      return step_record_running(now);
    case State::kResume:
      return step_resume(now);
    case State::kRunning:
      return step_running(now);
    case State::kDone:
    case State::kFailed:
      break;
  }
  return Outcome::kWait;
}

const char* TargetSession::stage() const {
  switch (state_) {
    case State::kAwaitHello:
      return "reservation";
    case State::kReceiving:
      return "pre-copy";
    case State::kLastBlocks:
      return "stop-and-copy";
    case State::kStrictProof:
    case State::kLoadState:
    case State::kSyncDisks:
    case State::kRecordPrepared:
    case State::kPrepared:
    case State::kAwaitCommit:
      return "commitment";
    default:
      return "activation";
  }
}

Status TargetSession::check_world() {
  if (cancelled_ && state_ < State::kRecordPrepared) {
    return make_error(ErrorCode::kCancelled,
                      "the target's agent called the migration off");
  }
  // Once all has landed a stream may close.
  if (state_ > State::kLastBlocks) return {};
  for (const auto& receiver : receivers_) {
    if (receiver->failure() != nullptr) return *receiver->failure();
  }
  if (auto died = shell_.died()) return *died;
  return {};
}

Result<std::optional<Message>> TargetSession::receive(Instant now) {
  CAUSEWAY_ASSIGN(const auto bytes, control_.receive(now));
  if (!bytes) return std::optional<Message>();
  CAUSEWAY_ASSIGN(Message message, decode_message(*bytes));
  if (const auto* abort = std::get_if<AbortMessage>(&message)) {
    aborted_ = true;
    return make_error(abort->code, "the source gave up: {}", abort->why);
  }
  return std::optional<Message>(std::move(message));
}

Error TargetSession::out_of_turn(const Message& message) const {
  return make_error(ErrorCode::kPeerBroken,
                    "the source sent message {} out of turn, in stage {}",
                    message.index(), stage());
}

Duration TargetSession::lap(Instant now) {
  const Duration since = now - lap_;
  lap_ = now;
  return since;
}

void TargetSession::fail(Error error) {
  in_doubt_ = state_ >= State::kRecordPrepared && !aborted_;
  if (in_doubt_) {
    // No Abort: it would be a promise.
    failure_ = std::move(error);
    state_ = State::kFailed;
    return;
  }
  // The peer that gave up needs no answer, and one that is gone gets none.
  [[maybe_unused]] const auto sent =
      control_.send(encode_message(AbortMessage{error.code, error.message}));
  failure_ = std::move(error);
  state_ = State::kFailed;
}

}  // namespace causeway
