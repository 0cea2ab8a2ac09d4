#include "engine/migration/round.h"

#include <algorithm>

namespace causeway {
namespace {

// One rearm() a window: a call to the VMM. 32 MiB takes some ms to send, so
// the call vanishes; a page re-armed long before it is read is dirtied twice.
constexpr uint64_t kWindowBlocks = (32u << 20) / kBlockBytes;

// What one sender gets at once: small enough that the senders end together.
constexpr uint64_t kChunkBlocks = (2u << 20) / kBlockBytes;

static_assert(kWindowBlocks % kChunkBlocks == 0);

}  // namespace

Round::Round(RoundPlan plan, GuestImage& image,
             std::span<const std::unique_ptr<Sender>> senders)
    : plan_(std::move(plan)), image_(image), senders_(senders) {
  CAUSEWAY_ASSERT(plan_.owed.size() == image.regions() && !senders.empty());
  for (const RegionKind kind : {RegionKind::kDisk, RegionKind::kRam}) {
    for (RegionId id = 0; id < image.regions(); ++id) {
      if (image.info(id).kind == kind) order_.push_back(id);
    }
  }
}

Status Round::step() {
  while (at_ < order_.size()) {
    if (next_block_ == window_.end()) {
      CAUSEWAY_TRY(open_window());
      continue;
    }
    if (!next_chunk()) return {};
  }
  while (fences_given_ < senders_.size()) {
    SendWork fence;
    fence.fence = plan_.fence;
    if (!senders_[fences_given_]->submit(fence)) return {};
    ++fences_given_;
  }
  return {};
}

// The next window that has something owed: re-armed, holes taken out.
Status Round::open_window() {
  const RegionId region = order_[at_];
  const BitmapView owed = plan_.owed[region];
  const auto run = owed.next_run(window_.end(), owed.size(), 1);
  if (!run) {
    ++at_;
    data_.reset();
    window_ = {};
    next_block_ = 0;
    return {};
  }
  const uint64_t first = run->first / kWindowBlocks * kWindowBlocks;
  const uint64_t end = std::min(first + kWindowBlocks, owed.size());
  window_ = {first, end - first};
  next_block_ = first;
  if (plan_.rearm != nullptr) {
    CAUSEWAY_TRY(plan_.rearm->rearm({region, first, end - first}));
  }
  if (!plan_.skip_holes) return {};
  // After rearm(): a hole that is filled from now on is reported.
  if (!data_) data_.emplace(image_.store(region));
  for (uint64_t block = first; block < end;) {
    CAUSEWAY_ASSIGN(const BitRun data, data_->next(block, end));
    const uint64_t hole_end = data.count == 0 ? end : data.first;
    owed.clear_range(block, hole_end - block);
    block = data.count == 0 ? end : data.end();
  }
  return {};
}

// False when no sender has room.
bool Round::next_chunk() {
  const RegionId region = order_[at_];
  const BitmapView owed = plan_.owed[region];
  const auto run = owed.next_run(next_block_, window_.end(), 1);
  if (!run) {
    next_block_ = window_.end();
    return true;
  }
  const uint64_t end = std::min(
      run->first / kChunkBlocks * kChunkBlocks + kChunkBlocks, window_.end());
  SendWork work;
  work.range = {region, run->first, end - run->first};
  work.owed = owed;
  work.version = plan_.version;
  work.ask = plan_.ask;
  work.may_miss = plan_.may_miss;
  const uint64_t blocks = owed.count(run->first, end - run->first);
  if (!submit(work)) return false;
  blocks_handed_out_ += blocks;
  next_block_ = end;
  return true;
}

bool Round::submit(const SendWork& work) {
  const uint64_t home_blocks = senders_.front()->home_bytes() / kBlockBytes;
  if (home_blocks != 0) {
    const uint64_t home = work.range.first / home_blocks;
    return senders_[home % senders_.size()]->submit(work);
  }
  for (size_t tries = 0; tries < senders_.size(); ++tries) {
    Sender& sender = *senders_[next_sender_];
    next_sender_ = (next_sender_ + 1) % senders_.size();
    if (sender.submit(work)) return true;
  }
  return false;
}

double Round::share_handed_out() const {
  uint64_t passed = 0;
  uint64_t all = 0;
  for (size_t i = 0; i < order_.size(); ++i) {
    const uint64_t blocks = plan_.owed[order_[i]].size();
    all += blocks;
    if (i < at_) passed += blocks;
    if (i == at_) passed += next_block_;
  }
  return static_cast<double>(passed) / static_cast<double>(all);
}

bool Round::landed() const {
  return fed() &&
         std::all_of(senders_.begin(), senders_.end(), [&](const auto& sender) {
           return sender->fence_landed() >= plan_.fence;
         });
}

}  // namespace causeway
