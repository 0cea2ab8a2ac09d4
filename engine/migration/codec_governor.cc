#include "engine/migration/codec_governor.h"

#include "engine/codec/deflate.h"

namespace causeway {

using Mode = CodecOptions::Mode;

static_assert(kCodecLevelNone == kNoDeflate);
static_assert(kCodecLevelMax == kDeflateLevelMax);

CodecGovernor::CodecGovernor(const CodecOptions& options)
    : options_(options),
      sent_(options.mode == Mode::kNone ? 0 : kSentBytesMax),
      places_(options.mode == Mode::kNone ? 0 : kPlacesBytesMax),
      level_(kNoDeflate) {}

// Nothing is encoded before this was asked.
void CodecGovernor::peer_understands(bool encoded_puts) {
  understood_ = encoded_puts;
  if (understood_ && options_.mode == Mode::kFixed) {
    level_.store(options_.level, std::memory_order_relaxed);
  }
}

void CodecGovernor::begin(Instant now, const CodecTotals& totals) {
  since_ = now;
  before_ = totals;
}

void CodecGovernor::look(Instant now, const CodecTotals& totals) {
  if (options_.mode != Mode::kAuto || !understood_) return;
  CodecInterval seen;
  seen.level = level();
  seen.workers = totals.workers;
  seen.time = now - since_;
  seen.busy = totals.busy - before_.busy;
  seen.blocked = totals.blocked - before_.blocked;
  seen.in_bytes = totals.in_bytes - before_.in_bytes;
  seen.wire_bytes = totals.out_bytes - before_.out_bytes;
  const uint64_t sampled = totals.sampled_blocks - before_.sampled_blocks;
  if (seen.time < kCodecIntervalMin ||
      seen.in_bytes < kCodecIntervalBytesMin * totals.workers || sampled == 0) {
    return;
  }
  seen.random_share =
      static_cast<double>(totals.sampled_random - before_.sampled_random) /
      static_cast<double>(sampled);
  CodecDecision decision = chooser_.decide(seen);
  level_.store(decision.level, std::memory_order_relaxed);
  why_ = std::move(decision.why);
  begin(now, totals);
}

std::string CodecGovernor::chosen() const {
  if (!understood_) return "none: the target does not take encoded puts";
  if (options_.mode != Mode::kAuto) return codec_text(options_);
  const std::string level = this->level() == kNoDeflate
                                ? "none"
                                : fmt::format("deflate:{}", this->level());
  return why_.empty() ? level : level + ": " + why_;
}

}  // namespace causeway
