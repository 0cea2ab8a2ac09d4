#include "engine/migration/asking.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "engine/base/assert.h"
#include "engine/base/limits.h"

namespace causeway {
namespace {

// What a larger guest misses may not fit the target's queue of messages: it is
// sent as if nothing were known. 512 GiB.
constexpr uint64_t kAskedBlocksMax = 1ull << 27;
static_assert(kAskedBlocksMax / 8 <= kControlQueueBytesMax / 2);

// The cheapest names first: what they find need not be asked for again.
constexpr std::array kCutsInTurn = {ContentCut::kBlocks, ContentCut::kByContent,
                                    ContentCut::kSectors};

// Of one block, on the link.
double name_bytes(ContentCut cut) {
  constexpr double kPieceWireBytes = kPieceHeadBytes + kContentDigestBytes;
  constexpr double kPieceBytesMean = kPieceBytesMin + (1u << kPieceCutBits);
  switch (cut) {
    case ContentCut::kBlocks:
      return kContentDigestBytes;
    case ContentCut::kSectors:
      return kPieceWireBytes * kBlockBytes / kContentAlignBytes;
    case ContentCut::kByContent:
      return kPieceWireBytes * kBlockBytes / kPieceBytesMean;
  }
  CAUSEWAY_ASSERT(false);
}

}  // namespace

void Asking::offered(const std::optional<ContentOffer>& offer, bool able) {
  offer_ = offer;
  namings_.clear();
  at_ = 0;
  if (!able) {
    why_ = "off: this codec has no references";
  } else if (!offer) {
    why_ = "off: the target has no content index";
  } else if (image_.blocks() > kAskedBlocksMax) {
    why_ = "off: the guest is too large";
  } else {
    for (const ContentCut cut : kCutsInTurn) {
      if ((offer->cuts & cut_bit(cut)) != 0) {
        namings_.push_back({offer->key, cut});
      }
    }
  }
}

RoundKind Asking::next(DedupObservation seen) {
  if (kind_ == RoundKind::kAskAll) {
    const bool nothing_left = known_ == asked_;
    end_cut();
    if (nothing_left) at_ = namings_.size();
  }
  kind_ = RoundKind::kSend;
  while (at_ < namings_.size()) {
    seen.indexed_blocks = offer_->blocks;
    seen.sampled = sampled_;
    seen.asked_blocks = asked_;
    seen.known_blocks = known_;
    seen.name_bytes = name_bytes(namings_[at_].cut);
    const DedupDecision decision = decide_dedup(seen, mode_);
    say_why(decision.why);
    if (decision.step != DedupStep::kSend) {
      kind_ = decision.step == DedupStep::kSample ? RoundKind::kAskSample
                                                  : RoundKind::kAskAll;
      break;
    }
    end_cut();
  }
  return kind_;
}

void Asking::end_cut() {
  ++at_;
  sampled_ = false;
  asked_ = known_ = 0;
  why_before_ = why_;
}

// Of each cut the last word.
void Asking::say_why(const std::string& why) {
  why_ = why_before_.empty() ? "" : why_before_ + "; ";
  if (namings_.size() > 1) why_ += fmt::format("by {}: ", what());
  why_ += why;
}

const char* Asking::what() const {
  CAUSEWAY_ASSERT(at_ < namings_.size());
  return content_cut_name(namings_[at_].cut);
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
  sample_.clear();
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
    const bool pieced = namings_[at_].cut != ContentCut::kBlocks;
    known_total_[static_cast<size_t>(
        pieced ? BlockMethod::kPieced : BlockMethod::kReference)] += known_;
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
