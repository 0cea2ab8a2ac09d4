// The sender's data path: no system call of its own besides the channel's and
// the store's, no allocation, no log, no clock.
#include <algorithm>

#include "engine/codec/entropy.h"
#include "engine/codec/zero.h"
#include "engine/content/digest.h"
#include "engine/migration/limits.h"
#include "engine/migration/sender.h"

namespace causeway {
namespace {

// Bounds one step, so that the worker looks at stop() and its fds now and
// then even on a path that is never full.
constexpr int kBatchesAStep = 4;

// A zero run of fewer blocks joins the frame that is open, at 4 bytes; a put of
// its own has a head of 32 and more.
constexpr uint64_t kZeroRunOwnPut = 8;

// Of so many blocks one is sampled for its entropy.
constexpr uint32_t kSampleStep = 16;

}  // namespace

Instant Sender::step(Instant now) {
  wake_.drain();
  count_time(now);
  for (int i = 0; i < kBatchesAStep; ++i) {
    auto outcome = advance(now);
    if (!outcome) {
      fail(std::move(outcome).error());
      return kNever;
    }
    const bool moved_before = i > 0;
    last_outcome_ = moved_before ? Outcome::kMoved : *outcome;
    if (*outcome == Outcome::kMoved) continue;
    // What was done until here is not waiting: a fresh `now` tells them apart.
    if (moved_before && codec_ != nullptr) return now;
    WaitSet unused;
    const Instant channel_wake = channel_.wait_on(unused);
    // Asked after the fact: another sender may have spent meanwhile.
    const Instant ready = pacer_.ready_at();
    const bool paced = *outcome == Outcome::kFull && ready > now;
    return paced ? std::min(ready, channel_wake) : channel_wake;
  }
  return now;
}

// The time since the last step was that step's, or the wait after it.
void Sender::count_time(Instant now) {
  if (last_step_ != kNever && last_outcome_ != Outcome::kIdle) {
    auto& spent = last_outcome_ == Outcome::kFull ? counters_.blocked_ns
                                                  : counters_.busy_ns;
    spent.fetch_add((now - last_step_).count(), std::memory_order_relaxed);
  }
  last_step_ = now;
}

Result<Sender::Outcome> Sender::advance(Instant now) {
  CAUSEWAY_TRY(poll_channel(now));
  if (pacer_.ready_at() > now) return Outcome::kFull;
  if (batch_posted_ < batch_count_) {
    CAUSEWAY_ASSIGN(const bool all, post_batch(now));
    return all ? Outcome::kMoved : Outcome::kFull;
  }
  if (posted_bytes_ > counters_.wire_bytes.load(std::memory_order_relaxed) +
                          limits_.ahead_bytes_max) {
    return Outcome::kFull;
  }
  if (!work_) {
    work_ = ring_.pop();
    if (!work_) return Outcome::kIdle;
    next_block_ = work_->range.first;
  }
  if (work_->fence != 0) {
    if (zero_run_.head.blocks > 0 || (frames_ && frames_->open())) {
      flush_zero_run();
      if (frames_ && frames_->open()) flush_frame();
      return Outcome::kMoved;
    }
    CAUSEWAY_ASSIGN(const bool posted, post_fence());
    return posted ? Outcome::kMoved : Outcome::kFull;
  }
  CAUSEWAY_ASSIGN(const bool built,
                  encoding() ? build_frames() : build_batch());
  return built ? Outcome::kMoved : Outcome::kFull;
}

Status Sender::poll_channel(Instant now) {
  CAUSEWAY_ASSIGN(const ChannelProgress progress, channel_.poll(now));
  puts_released_ = progress.puts_released;
  counters_.wire_bytes.store(progress.wire_bytes, std::memory_order_relaxed);
  if (progress.fence_landed > fence_landed()) {
    fence_landed_.store(progress.fence_landed, std::memory_order_release);
    session_wake_.notify();
  }
  return {};
}

// True when the whole batch is with the channel.
Result<bool> Sender::post_batch(Instant now) {
  const std::span<const Put> rest(&batch_[batch_posted_],
                                  batch_count_ - batch_posted_);
  CAUSEWAY_ASSIGN(const size_t taken, channel_.post(rest));
  uint64_t bytes = 0;
  for (size_t i = 0; i < taken; ++i) bytes += rest[i].payload.size();
  pacer_.spend(now, bytes);
  batch_posted_ += taken;
  puts_posted_ += taken;
  posted_bytes_ += bytes;
  if (batch_posted_ < batch_count_) return false;
  batch_posted_ = batch_count_ = 0;
  return true;
}

Result<bool> Sender::post_fence() {
  CAUSEWAY_ASSIGN(const bool posted, channel_.post_fence(work_->fence));
  if (posted) {
    work_.reset();
    session_wake_.notify();
  }
  return posted;
}

// Gathers the runs of work_ until the batch is full or the work is done.
// False when nothing could be gathered: all scratch is in flight.
Result<bool> Sender::build_batch() {
  BlockStore& store = image_.store(work_->range.region);
  std::span<std::byte> scratch;
  std::optional<size_t> slot;
  if (store.info().kind == RegionKind::kDisk) {
    slot = free_slot();
    if (!slot) return false;
    scratch = scratch_.subspan(*slot * kPutBytesMax, kPutBytesMax);
  }
  uint64_t gathered = 0;
  // A run of n blocks makes at most n puts and closes one zero run.
  while (gathered < kPutBlocksMax && batch_count_ + 1 < kBatchPuts) {
    const uint64_t room = kBatchPuts - batch_count_ - 1;
    const auto run =
        work_->owed.next_run(next_block_, work_->range.end(),
                             std::min(room, kPutBlocksMax - gathered));
    if (!run) break;
    CAUSEWAY_ASSIGN(const auto bytes,
                    store.read(run->first, run->count, scratch));
    build_puts(*run, bytes);
    next_block_ = run->end();
    gathered += run->count;
    if (slot) scratch = scratch.subspan(run->count * kBlockBytes);
  }
  if (slot) slot_busy_until_[*slot] = puts_posted_ + batch_count_;
  if (gathered == 0) {
    work_.reset();
    session_wake_.notify();
  }
  return true;
}

// Gathers the blocks of work_ into a frame, and ends the frame when it is full
// or work_ is of another kind. A frame that is not full waits for more: the
// round's fence ends it at the latest. False: all frames are in flight.
Result<bool> Sender::build_frames() {
  if (!frames_->find_slot(puts_released_)) return false;
  const bool joins = frames_->takes(frame_kind()) && wants_frames();
  if (joins) CAUSEWAY_TRY(gather_frame());
  const bool full = frames_->room() == 0 || work_;
  if (frames_->open() && (full || !joins)) flush_frame();
  return true;
}

// work_ is done on return, or the frame takes no more.
Status Sender::gather_frame() {
  BlockStore& store = image_.store(work_->range.region);
  while (frames_->room() > 0) {
    // Zero runs between take a put each, a frame that stays raw one a block.
    if (batch_count_ + 2 * kFrameBlocksMax > kBatchPuts) return {};
    const auto run =
        work_->owed.next_run(next_block_, work_->range.end(), frames_->room());
    if (!run) {
      work_.reset();
      session_wake_.notify();
      return {};
    }
    CAUSEWAY_ASSIGN(const auto bytes,
                    store.read(run->first, run->count, frames_->scratch()));
    const uint64_t before = next_block_;
    take_run(*run, bytes);
    if (next_block_ == before) return {};  // too far for this frame
  }
  return {};
}

// Advances next_block_ over what was taken.
void Sender::take_run(const BitRun& run, std::span<const std::byte> bytes) {
  for (uint64_t done = 0; done < run.count;) {
    const auto rest = bytes.subspan(done * kBlockBytes);
    const ZeroRun piece = leading_run(rest);
    const uint64_t first = run.first + done;
    if (piece.zero && piece.blocks >= kZeroRunOwnPut) {
      add_zero_run(first, piece.blocks);
    } else {
      const auto live = rest.first(piece.blocks * kBlockBytes);
      if (!piece.zero) sample(live);
      if (frames_->take(frame_kind(), first, live) < piece.blocks) return;
    }
    done += piece.blocks;
    next_block_ = run.first + done;
  }
}

void Sender::flush_frame() {
  const auto puts = frames_->finish(puts_posted_ + batch_count_);
  CAUSEWAY_ASSERT(batch_count_ + puts.size() <= kBatchPuts);
  uint64_t bytes = 0;
  for (const Put& put : puts) {
    batch_[batch_count_++] = put;
    bytes += put.payload.size();
  }
  const FrameTally& tally = frames_->tally();
  for (size_t i = 0; i < kBlockMethods; ++i) {
    count(static_cast<BlockMethod>(i), tally.blocks[i]);
  }
  counters_.out_bytes.fetch_add(bytes, std::memory_order_relaxed);
}

void Sender::sample(std::span<const std::byte> bytes) {
  const auto blocks = static_cast<uint32_t>(bytes.size() / kBlockBytes);
  uint32_t at = sample_turn_;
  for (; at < blocks; at += kSampleStep) {
    const bool random = looks_random(bytes.data() + at * kBlockBytes);
    counters_.sampled_blocks.fetch_add(1, std::memory_order_relaxed);
    counters_.sampled_random.fetch_add(random ? 1 : 0,
                                       std::memory_order_relaxed);
  }
  sample_turn_ = at - blocks;
}

void Sender::count(BlockMethod method, uint64_t blocks) {
  counters_.blocks[static_cast<size_t>(method)].fetch_add(
      blocks, std::memory_order_relaxed);
}

void Sender::build_puts(const BitRun& run, std::span<const std::byte> bytes) {
  for (uint64_t done = 0; done < run.count;) {
    const auto rest = bytes.subspan(done * kBlockBytes);
    const ZeroRun piece = leading_run(rest);
    if (piece.zero) {
      add_zero_run(run.first + done, piece.blocks);
    } else {
      add_raw_run(run.first + done, rest.first(piece.blocks * kBlockBytes));
    }
    done += piece.blocks;
  }
}

// A zero run stays open, over batches and ranges, until something else
// follows: a zero run of any length is one put.
void Sender::add_zero_run(uint64_t first, uint64_t count) {
  const RegionId region = work_->range.region;
  image_.digests(region).set_zero(first, count);
  this->count(BlockMethod::kZero, count);
  PutHead& head = zero_run_.head;
  const bool extends = head.blocks > 0 && head.region == region &&
                       head.version == work_->version &&
                       head.range().end() == first &&
                       head.blocks + count <= UINT32_MAX;
  if (extends) {
    head.blocks += static_cast<uint32_t>(count);
    return;
  }
  flush_zero_run();
  head = {PutKind::kZero,
          region,
          work_->version,
          first,
          static_cast<uint32_t>(count),
          0};
}

void Sender::add_raw_run(uint64_t first, std::span<const std::byte> bytes) {
  flush_zero_run();
  const RegionId region = work_->range.region;
  const uint64_t blocks = bytes.size() / kBlockBytes;
  std::array<uint64_t, kPutBlocksMax> digests;
  for (uint64_t i = 0; i < blocks; ++i) {
    digests[i] =
        digest_block(bytes.data() + i * kBlockBytes, image_.digest_key());
  }
  image_.digests(region).set(first, std::span(digests).first(blocks));
  count(BlockMethod::kRaw, blocks);
  if (codec_ != nullptr) {
    sample(bytes);
    codec_->sent().sent_in_place(work_->version);
    counters_.out_bytes.fetch_add(bytes.size(), std::memory_order_relaxed);
  }
  batch_[batch_count_++] = {
      {PutKind::kRaw, region, work_->version, first,
       static_cast<uint32_t>(blocks), static_cast<uint32_t>(bytes.size())},
      bytes};
}

void Sender::flush_zero_run() {
  if (zero_run_.head.blocks == 0) return;
  CAUSEWAY_ASSERT(batch_count_ < kBatchPuts);
  batch_[batch_count_++] = zero_run_;
  zero_run_.head.blocks = 0;
}

std::optional<size_t> Sender::free_slot() const {
  for (size_t slot = 0; slot < kScratchSlots; ++slot) {
    if (slot_busy_until_[slot] <= puts_released_) return slot;
  }
  return std::nullopt;
}

}  // namespace causeway
