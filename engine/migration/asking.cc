#include "engine/migration/asking.h"

#include <algorithm>

#include "engine/base/limits.h"

namespace causeway {
namespace {

// What a larger guest misses may not fit the target's queue of messages: it is
// sent as if nothing were known. 512 GiB.
constexpr uint64_t kAskedBlocksMax = 1ull << 27;
static_assert(kAskedBlocksMax / 8 <= kControlQueueBytesMax / 2);

}  // namespace

void Asking::offered(const std::optional<ContentOffer>& offer, bool able) {
  offer_ = offer;
  ended_ = true;
  if (!able) {
    why_ = "off: this codec has no references";
  } else if (!offer) {
    why_ = "off: the target has no content index";
  } else if (image_.blocks() > kAskedBlocksMax) {
    why_ = "off: the guest is too large";
  } else {
    ended_ = false;
  }
}

RoundKind Asking::next(DedupObservation seen) {
  const bool asked_all = kind_ == RoundKind::kAskAll;
  kind_ = RoundKind::kSend;
  if (ended_ || asked_all) {
    ended_ = true;
    return kind_;
  }
  seen.indexed_blocks = offer_->blocks;
  seen.sampled = sampled_;
  seen.asked_blocks = asked_;
  seen.known_blocks = known_;
  DedupDecision decision = decide_dedup(seen, mode_);
  why_ = std::move(decision.why);
  switch (decision.step) {
    case DedupStep::kSend:
      ended_ = true;
      break;
    case DedupStep::kSample:
      kind_ = RoundKind::kAskSample;
      break;
    case DedupStep::kAskAll:
      kind_ = RoundKind::kAskAll;
      break;
  }
  return kind_;
}

std::vector<BitmapView> Asking::blocks(const std::vector<BitmapView>& owed) {
  if (kind_ != RoundKind::kAskSample) return owed;
  make_sample(owed);
  std::vector<BitmapView> views;
  for (const Bitmap& region : sample_) views.push_back(region.view());
  return views;
}

// Evenly spread groups; each region has at least one.
void Asking::make_sample(const std::vector<BitmapView>& owed) {
  const uint64_t step =
      std::max(image_.blocks() / kSampleGroups, kSampleGroupBlocks);
  for (const BitmapView region : owed) {
    Bitmap& sample = sample_.emplace_back(region.size());
    for (uint64_t first = 0; first < region.size(); first += step) {
      const uint64_t end = std::min(first + kSampleGroupBlocks, region.size());
      for (auto run = region.next_run(first, end); run;
           run = region.next_run(run->end(), end)) {
        sample.view().set_range(run->first, run->count);
      }
    }
  }
}

Status Asking::missing(const MissingMessage& message) {
  if (missing_.empty()) {
    for (RegionId id = 0; id < image_.regions(); ++id) {
      missing_.emplace_back(image_.info(id).blocks());
    }
  }
  return mark_missing(message, missing_);
}

void Asking::landed(DirtyLog& log, Version version, uint64_t asked) {
  if (kind_ != RoundKind::kSend) {
    asked_ = asked;
    known_ = asked - std::min(asked, missing_blocks());
    known_total_ += known_;
    sampled_ = true;
  }
  for (RegionId id = 0; id < image_.regions(); ++id) {
    acknowledge(log, version, id);
  }
}

uint64_t Asking::missing_blocks() const {
  uint64_t blocks = 0;
  for (const Bitmap& region : missing_) blocks += region.view().count();
  return blocks;
}

// All of the region, or of its sample, but what the target misses.
void Asking::acknowledge(DirtyLog& log, Version version, RegionId region) {
  const uint64_t end = image_.info(region).blocks();
  if (kind_ == RoundKind::kAskSample) {
    const BitmapView sample = sample_[region].view();
    for (auto run = sample.next_run(0, end); run;
         run = sample.next_run(run->end(), end)) {
      acknowledge(log, version, region, *run);
    }
  } else {
    acknowledge(log, version, region, {0, end});
  }
  if (missing_.empty()) return;
  const BitmapView missing = missing_[region].view();
  for (auto run = missing.next_run(0, end); run;
       run = missing.next_run(run->end(), end)) {
    image_.digests(region).set_zero(run->first, run->count);
  }
  missing.clear_range(0, end);
}

void Asking::acknowledge(DirtyLog& log, Version version, RegionId region,
                         const BitRun& landed) {
  uint64_t from = landed.first;
  while (!missing_.empty()) {
    const auto run = missing_[region].view().next_run(from, landed.end());
    if (!run) break;
    log.ack({region, from, run->first - from}, version);
    from = run->end();
  }
  log.ack({region, from, landed.end() - from}, version);
}

}  // namespace causeway
