#include "engine/policy/codec_choice.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "engine/base/assert.h"

namespace causeway {
namespace {

// Measured on one core of a 2.6 GHz Xeon (perf/README.md, Codecs), between
// heap-like content and machine code: seconds a guest byte to encode, seconds
// to take apart, ratio. The chooser corrects the first and the last.
struct Prior {
  double encode_s_byte;
  double decode_s_byte;
  double ratio;
};
constexpr std::array<Prior, kCodecLevels.size()> kPriors = {{
    {0, 0, 1},
    {1 / 0.70e9, 1 / 1.0e9, 2.4},
    {1 / 0.60e9, 1 / 1.0e9, 2.9},
    {1 / 0.38e9, 1 / 1.0e9, 3.0},
}};
// Blocks that are not deflated on their way through the encoder: a copy, a
// sample, another copy.
constexpr double kPassSByte = 1 / 5.6e9;
// Read, digest, send; the target's taking in and digesting costs as much.
constexpr double kSendSByte = 1 / 1.4e9;

// A link that kept the workers waiting for less than this was not full.
constexpr double kBlockedShareMin = 0.05;
// ... in the first interval, in which the target is still getting ready.
constexpr double kBlockedShareAtFirst = 0.75;
// Another choice must promise this much more, or figures that are all but equal
// would take turns.
constexpr double kGainMin = 1.02;
// A link that carries less than this of what it has been seen to carry is not
// what the workers wait for.
constexpr double kLinkNear = 0.9;
// The share of the time that tries may lose, and the intervals between two.
constexpr double kTriesShare = 0.01;
constexpr uint32_t kQuietMin = 4;
// What may be hoped of a choice, as a share of the time that it is thought to
// take: content changes while others run, and priors are another machine's.
constexpr double kHope = 0.8;
constexpr double kHopeUntried = 0.5;
constexpr double kHopeOfRatio = 1.1;
// How many intervals what a level did is held against it, and how much it may
// change from one to the next before that is another time.
constexpr uint32_t kMemory = 64;
constexpr double kChange = 0.2;
constexpr int kChangesInRow = 4;
constexpr double kChangeAtOnce = 2;  // no restlessness does that
// How fast what is seen replaces what was known.
constexpr double kLearn = 0.3;

void learn_towards(double& known, double seen) {
  known += kLearn * (seen - known);
}

size_t choice_of(int level) {
  const auto found = std::find(kCodecLevels.begin(), kCodecLevels.end(), level);
  CAUSEWAY_ASSERT(found != kCodecLevels.end());
  return static_cast<size_t>(found - kCodecLevels.begin());
}

double blocked_share(const CodecInterval& seen) {
  const double all = seconds(seen.busy) + seconds(seen.blocked);
  return all > 0 ? seconds(seen.blocked) / all : 0;
}

double rate_of(const CodecInterval& seen) {
  return static_cast<double>(seen.in_bytes) / seconds(seen.time);
}

}  // namespace

CodecChooser::CodecChooser() : send_s_byte_(kSendSByte) {}

CodecDecision CodecChooser::decide(const CodecInterval& seen) {
  CAUSEWAY_ASSERT(seen.workers > 0);
  CodecDecision decision;
  if (seen.in_bytes == 0 || seen.time.count() <= 0) {
    decision.level = kCodecLevels[current_];
    decision.deltas = current_ != 0;
    decision.why = "nothing was sent";
    return decision;
  }
  const size_t ran = choice_of(seen.level);
  // In its first interval a choice may fill buffers that another one emptied.
  settled_ = ran == ran_before_;
  ran_before_ = ran;
  learn_link(ran, seen);
  learn(ran, seen);
  std::array<Estimate, kChoices> estimates;
  for (size_t i = 0; i < kChoices; ++i) estimates[i] = estimate(i, seen);
  remember(ran, seen, estimates);
  const size_t next = next_choice(estimates, ran, seen);
  decision.level = kCodecLevels[next];
  decision.deltas = next != 0;
  decision.why = fmt::format(
      "{}link {}{:.0f} MB/s, {:.0f} % of the blocks deflate; MB/s of the guest "
      "for none {:.0f}, levels 0, 1, 3: {:.0f}, {:.0f}, {:.0f}",
      trying_ ? "a try: " : "", link_full_ ? "" : "at least ",
      link_bytes_s_ / 1e6, 100 * (1 - seen.random_share),
      estimates[0].bytes_s / 1e6, estimates[1].bytes_s / 1e6,
      estimates[2].bytes_s / 1e6, estimates[3].bytes_s / 1e6);
  return decision;
}

// A full link shows its rate; another one only that it is no slower. Workers
// also wait for a target that cannot keep up: then the link is not full.
void CodecChooser::learn_link(size_t ran, const CodecInterval& seen) {
  const double wire_s =
      static_cast<double>(seen.wire_bytes) / seconds(seen.time);
  link_full_ = blocked_share(seen) >=
                   (interval_ == 0 ? kBlockedShareAtFirst : kBlockedShareMin) &&
               (ran == 0 || wire_s > kLinkNear * link_bytes_s_);
  if (!link_full_) {
    link_bytes_s_ = std::max(link_bytes_s_, wire_s);
  } else if (link_bytes_s_ > 0 &&
             std::abs(wire_s / link_bytes_s_ - 1) < kChange) {
    learn_towards(link_bytes_s_, wire_s);
  } else if (settled_ || link_bytes_s_ == 0 || wire_s < link_bytes_s_) {
    link_bytes_s_ = wire_s;
  }
}

// What a level did right after another one tells the two apart; what it goes
// on to do tells how the content changes, for all levels.
void CodecChooser::learn(size_t ran, const CodecInterval& seen) {
  const double in = static_cast<double>(seen.in_bytes);
  const double out = static_cast<double>(seen.wire_bytes) / in;
  const double busy_s_byte = seconds(seen.busy) / in;
  if (ran == 0) {
    learn_towards(send_s_byte_, busy_s_byte);
    return;
  }
  const double share = 1 - seen.random_share;
  if (share < 0.1) return;  // too little was deflated to tell
  const double encode =
      busy_s_byte - send_s_byte_ * out - kPassSByte * seen.random_share;
  const double cost =
      std::clamp(encode / share / kPriors[ran].encode_s_byte, 0.1, 10.0);
  const double deflated = std::max(out - seen.random_share, share / 1000);
  const double gain = std::clamp(
      (share / deflated - 1) / (kPriors[ran].ratio - 1), 0.01, 1000.0);
  Figures& figures = figures_[ran];
  const bool any_tried =
      std::any_of(figures_.begin(), figures_.end(),
                  [](const Figures& level) { return level.tried; });
  if (!any_tried) {
    content_cost_ = cost;
    content_gain_ = gain;
  } else if (!figures.tried) {
    figures.cost = cost / content_cost_;
    figures.gain = gain / content_gain_;
  } else if (!settled_) {
    learn_towards(figures.cost, cost / content_cost_);
    learn_towards(figures.gain, gain / content_gain_);
  } else {
    learn_towards(content_cost_, cost / figures.cost);
    learn_towards(content_gain_, gain / figures.gain);
  }
  figures.tried = true;
}

// What a level lately did counts, not what it might do: whatever held it up is
// not always what the estimate knows of.
void CodecChooser::remember(size_t ran, const CodecInterval& seen,
                            std::array<Estimate, kChoices>& estimates) {
  ++interval_;
  if (settled_) {
    note_done(done_[ran], seen);
    estimates[ran].bytes_s = estimates[ran].hoped_bytes_s = done_[ran].bytes_s;
  }
  for (size_t i = 0; i < kChoices; ++i) {
    if (done_[i].bytes_s == 0 || interval_ - done_[i].interval > kMemory) {
      continue;
    }
    Estimate& made = estimates[i];
    made.bytes_s = made.hoped_bytes_s = done_[i].bytes_s;
  }
}

// One interval that is otherwise is the machine's restlessness; some in a row,
// or one by far, are another time: all is forgotten.
void CodecChooser::note_done(Done& done, const CodecInterval& seen) {
  const double rate = rate_of(seen);
  if (interval_ - done.interval > kMemory) done = {};
  const double change = done.bytes_s > 0 ? rate / done.bytes_s - 1 : 0;
  if (std::abs(change) <= kChange) {
    done.otherwise = 0;
  } else {
    const int before = done.otherwise;
    done.otherwise =
        change > 0 ? std::max(before, 0) + 1 : std::min(before, 0) - 1;
  }
  const bool at_once =
      change > kChangeAtOnce || change < 1 / (1 + kChangeAtOnce) - 1;
  if (at_once || std::abs(done.otherwise) >= kChangesInRow) {
    done_.fill({});
    link_bytes_s_ = static_cast<double>(seen.wire_bytes) / seconds(seen.time);
  }
  if (done.bytes_s == 0) {
    done.bytes_s = rate;
  } else {
    learn_towards(done.bytes_s, rate);
  }
  done.interval = interval_;
}

double CodecChooser::encode_s_byte(size_t choice) const {
  return kPriors[choice].encode_s_byte * content_cost_ * figures_[choice].cost;
}

double CodecChooser::ratio(size_t choice) const {
  return 1 +
         (kPriors[choice].ratio - 1) * content_gain_ * figures_[choice].gain;
}

CodecChooser::Estimate CodecChooser::estimate(size_t choice,
                                              const CodecInterval& seen) const {
  Estimate made;
  const double random = seen.random_share;
  made.out = random + (1 - random) / ratio(choice);
  const auto workers_bytes_s = [&](double encode_share) {
    double source_s_byte = send_s_byte_ * made.out;
    double target_s_byte = kSendSByte;  // it digests what comes out
    if (choice != 0) {
      const double deflated = (1 - random) * encode_share;
      source_s_byte += encode_s_byte(choice) * deflated + kPassSByte * random;
      target_s_byte = kSendSByte * made.out +
                      kPriors[choice].decode_s_byte * content_cost_ * deflated;
    }
    return seen.workers / std::max(source_s_byte, target_s_byte);
  };
  const double link = link_bytes_s_ / made.out;
  const bool tried = figures_[choice].tried || choice == 0;
  made.hoped_bytes_s = workers_bytes_s(choice == current_ ? 1
                                       : tried            ? kHope
                                                          : kHopeUntried);
  if (link_full_) {
    made.hoped_bytes_s = std::min(
        made.hoped_bytes_s, choice == current_ ? link : link * kHopeOfRatio);
  }
  made.bytes_s = std::min(workers_bytes_s(1), link);
  return made;
}

// Of choices that are as good, the one that deflates least.
size_t CodecChooser::best(const std::array<Estimate, kChoices>& estimates,
                          bool hoped) const {
  const auto rate = [&](size_t i) {
    return hoped ? estimates[i].hoped_bytes_s : estimates[i].bytes_s;
  };
  size_t found = 0;
  for (size_t i = 1; i < kChoices; ++i) {
    if (rate(i) > rate(found) * 1.001) found = i;
  }
  return found;
}

size_t CodecChooser::next_choice(
    const std::array<Estimate, kChoices>& estimates, size_t ran,
    const CodecInterval& seen) {
  if (trying_) {
    lost_s_ += seconds(seen.time) -
               static_cast<double>(seen.in_bytes) / rate_before_try_;
    if (!settled_) return ran;
    trying_ = false;
    quiet_ = 0;
    if (rate_of(seen) <= kGainMin * rate_before_try_) return current_;
    current_ = ran;
    lost_s_ = 0;
  }
  ++quiet_;
  lost_s_ -= seconds(seen.time) * kTriesShare;
  const size_t wanted = best(estimates, /*hoped=*/false);
  if (estimates[wanted].bytes_s > kGainMin * estimates[current_].bytes_s) {
    current_ = wanted;
  }
  // With the link full and nothing to deflate, frames still cost no time, and
  // what comes again goes as deltas.
  if (link_full_ && current_ == 0 &&
      estimates[1].bytes_s * 1.001 > estimates[0].bytes_s) {
    current_ = 1;
  }
  const size_t hope = best(estimates, /*hoped=*/true);
  if (!may_try(estimates, hope)) return current_;
  trying_ = true;
  lost_s_ = std::max(lost_s_, 0.0);
  rate_before_try_ = rate_of(seen);
  return hope;
}

bool CodecChooser::may_try(const std::array<Estimate, kChoices>& estimates,
                           size_t hope) const {
  return hope != current_ && quiet_ >= kQuietMin && lost_s_ <= 0 &&
         estimates[hope].hoped_bytes_s >
             kGainMin * estimates[current_].hoped_bytes_s;
}

}  // namespace causeway
