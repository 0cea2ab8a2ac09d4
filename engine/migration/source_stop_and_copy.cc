// Stage 3: the guest stands still; the last blocks and the state go. From here
// every moment is a line of the ledger.
#include "engine/base/stop_point.h"
#include "engine/migration/source_session.h"

namespace causeway {

// The guest runs on while the call is under way: the blackout begins when its
// last vCPU has stopped, and what the call takes after that is the line `stop`.
Result<SourceSession::Outcome> SourceSession::step_pause(Instant) {
  CAUSEWAY_TRY(journal_.make_ready());
  CAUSEWAY_ASSIGN(lap_, guest_.pause());
  paused_ = true;
  report_.loss = path_.stats().loss;
  set_urgent(true);
  state_ = State::kLastCollect;
  return Outcome::kAgain;
}

// While the guest stands still, bytes are cheaper than round trips. What the
// target answers is urgent with what it answers to.
void SourceSession::set_urgent(bool urgent) {
  control_.set_urgent(urgent);
  for (const auto& sender : senders_) sender->set_urgent(urgent);
}

Result<SourceSession::Outcome> SourceSession::step_last_collect(Instant now) {
  lap("stop", now);
  stop_point("source.paused");
  if (log_started_) {
    CAUSEWAY_ASSIGN(version_, guest_.dirty_log().collect());
  } else {
    for (const RegionInfo& region : guest_.spec().regions) {
      whole_.emplace_back(region.blocks());
      whole_.back().view().set_range(0, region.blocks());
      owed_.push_back(whole_.back().view());
    }
  }
  begin_round(now, /*rearm=*/nullptr, /*skip_holes=*/!log_started_);
  state_ = State::kLastRound;
  return Outcome::kAgain;
}

Result<SourceSession::Outcome> SourceSession::step_last_round(Instant now) {
  if (lap_ <= round_began_) lap("collect", now);
  CAUSEWAY_ASSIGN(const auto message, receive(now));
  if (message) return out_of_turn(*message);
  CAUSEWAY_TRY(round_->step());
  if (!round_->fed()) return Outcome::kWait;
  state_ = State::kSaveState;
  return Outcome::kAgain;
}

Result<SourceSession::Outcome> SourceSession::step_save_state(Instant now) {
  lap("last_blocks", now);
  CAUSEWAY_ASSIGN(guest_state_, guest_.save_state());
  report_.state_bytes = guest_state_.size();
  state_ = State::kSendFinal;
  return Outcome::kAgain;
}

Result<SourceSession::Outcome> SourceSession::step_send_final(Instant now) {
  lap("state_save", now);
  CAUSEWAY_TRY(control_.send(
      encode_message(FinalMessage{fence_, std::move(guest_state_)})));
  await_from(now);
  state_ = State::kAwaitPrepared;
  return Outcome::kAgain;
}

}  // namespace causeway
