#include <algorithm>

#include "engine/migration/source_session.h"

namespace causeway {
namespace {

// Long enough to smooth over bursts, short enough to follow a change.
constexpr Duration kRateWindow = std::chrono::milliseconds(90);

}  // namespace

const char* SourceSession::stage() const {
  switch (state_) {
    case State::kHello:
    case State::kAwaitReady:
      return "reservation";
    case State::kStartLog:
    case State::kRound:
    case State::kAwaitSynced:
    case State::kDecide:
      return "pre-copy";
    case State::kPause:
    case State::kLastCollect:
    case State::kLastRound:
    case State::kSaveState:
    case State::kSendFinal:
      return "stop-and-copy";
    case State::kAwaitPrepared:
    case State::kStrictProof:
    case State::kCommit:
    case State::kRecordCommitted:
      return "commitment";
    case State::kSendCommit:
    case State::kAwaitRunning:
      return "activation";
    case State::kFrozenProof:
      return "proof";
    case State::kDone:
    case State::kFailed:
      return "done";
  }
  return "done";
}

bool SourceSession::guest_stands_still() const {
  return state_ >= State::kPause && state_ <= State::kAwaitRunning;
}

MigrationProgress SourceSession::progress(Instant now) {
  MigrationProgress progress;
  progress.stage = stage();
  progress.round = static_cast<uint32_t>(fence_);
  progress.sent_bytes = sent_blocks() * kBlockBytes;
  progress.wire_bytes = wire_bytes();
  progress.held = held_since_.has_value();
  progress.path = path_.stats();
  progress.total_bytes = image_.blocks() * kBlockBytes;
  const uint64_t round_blocks = sent_blocks() - round_blocks_began_;
  const uint64_t owed = owed_blocks();
  if (round_) {
    progress.remaining_bytes =
        (owed - std::min(owed, round_blocks)) * kBlockBytes;
  }
  if (!report_.rounds.empty()) {
    progress.dirty_bytes_s = report_.rounds.back().dirty_bytes_s;
  }
  if (now - progress_at_ >= kRateWindow) {
    progress_rate_ =
        static_cast<double>(progress.sent_bytes - progress_bytes_) /
        seconds(now - progress_at_);
    progress_at_ = now;
    progress_bytes_ = progress.sent_bytes;
  }
  progress.rate_bytes_s = progress_rate_;
  const double gain_bytes_s = progress.rate_bytes_s - progress.dirty_bytes_s;
  if (gain_bytes_s > 0) {
    progress.eta_s =
        static_cast<double>(progress.remaining_bytes) / gain_bytes_s;
  }
  return progress;
}

}  // namespace causeway
