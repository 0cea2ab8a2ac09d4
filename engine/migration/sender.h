// Sender: one worker of the source. Takes ranges from the session, reads the
// owed blocks in them, finds zero runs, notes the digests and posts puts on
// its bulk channel: raw from where the blocks lie, or in frames if the codec
// governor says a level.
//
// Two threads: the session submits and looks at the counters; everything else
// belongs to the worker that drives step().
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <span>

#include "engine/base/limits.h"
#include "engine/base/notifier.h"
#include "engine/base/spsc_ring.h"
#include "engine/base/stepper.h"
#include "engine/migration/codec_governor.h"
#include "engine/migration/frame_builder.h"
#include "engine/migration/image.h"
#include "engine/migration/pacer.h"
#include "engine/path/bulk_channel.h"

namespace causeway {

// Either "send what is owed in this range, read at this version" or a fence.
struct SendWork {
  BlockRange range;
  BitmapView owed;  // of the range's region
  Version version = 0;
  FenceId fence = 0;            // != 0: a fence, and nothing else
  const Naming* ask = nullptr;  // names alone; see FrameKind
  bool may_miss = false;        // likewise
};

// Totals, written by the worker; any thread may read.
struct SenderCounters {
  std::array<std::atomic<uint64_t>, kBlockMethods> blocks{};  // by method
  std::atomic<uint64_t> wire_bytes{0};
  // For the codec governor; blocks that are not zero.
  std::atomic<uint64_t> out_bytes{0};  // payloads that were made of them
  std::atomic<uint64_t> sampled_blocks{0};
  std::atomic<uint64_t> sampled_random{0};
  std::atomic<int64_t> busy_ns{0};
  std::atomic<int64_t> blocked_ns{0};  // had puts and could not post them

  uint64_t of(BlockMethod method) const {
    return blocks[static_cast<size_t>(method)].load(std::memory_order_relaxed);
  }
};

class Sender final : public Stepper {
 public:
  // Disk blocks are read into scratch until the channel releases them.
  static constexpr size_t kScratchSlots = 4;
  static constexpr size_t kScratchBytes = kScratchSlots * kPutBytesMax;

  // All references outlive the sender. `scratch`: kScratchBytes on the
  // worker's NUMA node. `codec`: nullptr or one that may not encode costs
  // nothing.
  Sender(BulkChannel& channel, GuestImage& image, Pacer& pacer,
         std::span<std::byte> scratch, const Notifier& session_wake,
         CodecGovernor* codec = nullptr);

  // Session. False: the ring is full; session_wake comes when it is not.
  bool submit(const SendWork& work);
  FenceId fence_landed() const {
    return fence_landed_.load(std::memory_order_acquire);
  }
  const SenderCounters& counters() const { return counters_; }
  // The trouble that ended this sender, if any.
  const Error* failure() const {
    return failed_.load(std::memory_order_acquire) ? &failure_ : nullptr;
  }
  // As ChannelLimits::home_bytes.
  uint64_t home_bytes() const { return limits_.home_bytes; }
  void stop();  // the worker's next step is its last
  // As BulkChannel::set_urgent.
  void set_urgent(bool urgent) { channel_.set_urgent(urgent); }

  // Worker.
  Instant step(Instant now) override;
  void wait_on(WaitSet& set) const override;
  bool done() const override;

 private:
  static constexpr size_t kBatchPuts = 256;
  static constexpr size_t kRingWork = 8;

  enum class Outcome { kMoved, kFull, kIdle };
  static_assert(kBatchPuts > 2 * kFrameBlocksMax);

  Result<Outcome> advance(Instant now);
  Status poll_channel(Instant now);
  Result<bool> post_batch(Instant now);
  Result<bool> post_fence();
  void count_time(Instant now);
  Result<bool> build_batch();
  Result<bool> build_frames();
  Status gather_frame();
  void take_run(const BitRun& run, std::span<const std::byte> bytes);
  void flush_frame();
  void sample(std::span<const std::byte> bytes);
  bool encoding() const {
    return frames_ && (frames_->open() || wants_frames());
  }
  bool wants_frames() const {
    return work_->ask != nullptr || codec_->level() != kNoDeflate;
  }
  FrameKind frame_kind() const {
    return {work_->range.region, work_->version, work_->ask, work_->may_miss};
  }
  void count(BlockMethod method, uint64_t blocks);
  void build_puts(const BitRun& run, std::span<const std::byte> bytes);
  void add_zero_run(uint64_t first, uint64_t count);
  void add_raw_run(uint64_t first, std::span<const std::byte> bytes);
  void flush_zero_run();
  std::optional<size_t> free_slot() const;
  void fail(Error error);

  BulkChannel& channel_;
  const ChannelLimits limits_;
  GuestImage& image_;
  Pacer& pacer_;
  std::span<std::byte> scratch_;
  const Notifier& session_wake_;
  Notifier wake_;

  SpscRing<SendWork, kRingWork> ring_;
  std::optional<SendWork> work_;
  uint64_t next_block_ = 0;  // of work_

  std::array<Put, kBatchPuts> batch_;
  size_t batch_count_ = 0;
  size_t batch_posted_ = 0;
  Put zero_run_{};  // blocks == 0: none is open

  uint64_t puts_posted_ = 0;
  uint64_t posted_bytes_ = 0;  // payloads
  uint64_t puts_released_ = 0;
  std::array<uint64_t, kScratchSlots> slot_busy_until_{};  // put sequence

  CodecGovernor* codec_;                // nullptr: raw and zero puts alone
  std::optional<FrameBuilder> frames_;  // if it may encode
  uint32_t sample_turn_ = 0;
  Instant last_step_ = kNever;
  Outcome last_outcome_ = Outcome::kIdle;

  SenderCounters counters_;
  std::atomic<FenceId> fence_landed_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> failed_{false};
  Error failure_;
};

}  // namespace causeway
